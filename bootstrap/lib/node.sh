# shellcheck shell=bash
# What real nodes need beside the control plane: kubelet and its like from our build, containerd, runc and the
# CNI plugins from Debian's packages. Those are unpacked into the cache and not installed: a containerd of the
# system's own, or Docker's, goes on undisturbed.

readonly runtime_packages=(containerd runc containernetworking-plugins)

# ensure_node: sets NODE_FLAGS, flags of 'mooring-cluster up'.
ensure_node() {
    local nodes=$1 binaries
    need_linux
    ((EUID == 0)) ||
        fail "a real node needs root: it mounts, and makes namespaces and cgroups" "sudo $0 --node" \
            "Without --node the pods are simulated, and no root is needed."
    need_packages ip:iproute2 nft:nftables iptables:iptables mount:mount
    ensure_runtime
    binaries=$("$BOOTSTRAP/cluster/build.sh" --node) || exit 1
    # shellcheck disable=SC2034 # local.sh uses it
    NODE_FLAGS=(--real-node --nodes "$nodes" --node-binaries "$binaries" ${NODE_RUNTIME:+--runtime "$NODE_RUNTIME"})
}

# ensure_runtime: sets NODE_RUNTIME to the root of the unpacked packages; empty where the system's are used.
ensure_runtime() {
    NODE_RUNTIME=''
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        if ! command -v containerd >/dev/null || ! command -v runc >/dev/null; then
            fail "a real node needs containerd, runc and the CNI plugins" \
                "Install them with your system's package manager; on Debian and Ubuntu this is done for you."
        fi
        return
    fi
    # The release is part of the name: programs of one may not run on the next.
    NODE_RUNTIME=$MOORING_CACHE/runtime/$(. /etc/os-release && printf '%s-%s' "$ID" "${VERSION_ID:-rolling}")-$(dpkg --print-architecture)
    [[ -e $NODE_RUNTIME/ready ]] || fetch_runtime "$NODE_RUNTIME"
    ldconfig -p | grep -q 'libseccomp\.so\.2 ' || install_packages libseccomp2
}

# fetch_runtime FOLDER
fetch_runtime() {
    local log=$MOORING_CACHE/apt.log staging archive
    mkdir -p "$MOORING_CACHE/runtime"
    staging=$(mktemp -d "$MOORING_CACHE/runtime/.fetching.XXXXXX")
    chmod 755 "$staging" # apt fetches as a user of its own
    say "fetching ${runtime_packages[*]}"
    (cd "$staging" && { apt-get download -q "${runtime_packages[@]}" || { apt-get update -q && apt-get download -q "${runtime_packages[@]}"; }; }) \
        >"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        rm -rf "$staging"
        fail "failed to fetch ${runtime_packages[*]}" "The whole output: $log" \
            "They come from the system's package sources: does 'apt-get update' work?"
    }
    for archive in "$staging"/*.deb; do
        dpkg-deb -x "$archive" "$staging"
        rm "$archive"
    done
    touch "$staging/ready"
    rm -rf "$1"
    mv -T "$staging" "$1"
}

# load_images ARCHIVE...: into every node, for there is no registry to pull them from; not again what they have.
load_images() {
    local record=$MOORING_STATE/cluster/imported archive line archives=() lines=()
    for archive in "$@"; do
        line=$(cd "$MOORING_STATE/cluster" && stat --format '%n %s %Y' -- "$archive" && echo nodes/*) || line=''
        if [[ -n $line ]] && grep -qsFx -- "${line//$'\n'/ }" "$record"; then continue; fi
        archives+=("$archive")
        lines+=("${line//$'\n'/ }")
    done
    if ((${#archives[@]} == 0)); then return; fi
    "$CLUSTER_BIN/mooring-cluster" load --dir "$MOORING_STATE/cluster" "${archives[@]}" && printf '%s\n' "${lines[@]}" >>"$record"
}

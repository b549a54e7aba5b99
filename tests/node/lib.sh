# shellcheck shell=bash disable=SC2034,SC2154 # those who source it set all, and use what it sets
# What the tests of a real node share. They set all, the names of the test functions, in order, and source this.

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# A folder of the developer's stays, and so does the cluster in it: the next run goes on there.
work=${MOORING_TEST_STATE:-$(mktemp -d)}
mkdir -p "$work"
export MOORING_STATE=$work/local
# shellcheck source=bootstrap/lib.sh
. "$here/../../bootstrap/lib.sh"
unset KUBEBUILDER_ASSETS

# skip_all WHY: aloud, and the end.
skip_all() {
    warn "SKIPPED, all ${#all[@]} tests of a real node: $1"
    printf 'test result: ok. 0 passed; 0 failed; %d skipped\n' "${#all[@]}"
    exit 0
}

cluster() { "$CLUSTER_BIN/mooring-cluster" "$@"; }
up() { cluster up --dir "$1" --detach "${NODE_FLAGS[@]}" "${@:2}" >/dev/null; }
kube() { "$CLUSTER_BIN/kubectl" --kubeconfig "$work/first/kubeconfig" --request-timeout=60s "$@"; }

# eventually SECONDS COMMAND...: until it succeeds.
eventually() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < deadline)) || return 1
        sleep 0.2
    done
}

# forward NAMESPACE WHAT PORTS: sets forwarder to the pid of what forwards them.
forward() {
    "$CLUSTER_BIN/kubectl" --kubeconfig "$work/first/kubeconfig" --namespace "$1" port-forward "$2" "$3" >/dev/null 2>&1 </dev/null &
    forwarder=$!
}

# node_pid NODE: of its first process.
node_pid() { cluster status --dir "$work/first" --json | grep -o "\"name\":\"$1\",\"pid\":[0-9]*" | grep -o '[0-9]*$'; }

# service_pids NODE SUBCOMMAND: of mooring-node's in the node's PID namespace.
service_pids() {
    local namespace process
    namespace=$(readlink "/proc/$(node_pid "$1")/ns/pid")
    for process in /proc/[0-9]*; do
        if [[ $(readlink "$process/ns/pid" 2>/dev/null) == "$namespace" ]] &&
            tr '\0' ' ' <"$process/cmdline" 2>/dev/null | grep -q "mooring-node $2 "; then
            printf '%s\n' "${process#/proc/}"
        fi
    done
}

# pack_image: a shell and its tools from Debian's busybox, the root file system of every pod here.
pack_image() {
    local files=$work/busybox name
    mkdir -p "$files/bin" "$files/tmp" "$work/deb"
    chmod 1777 "$files/tmp"
    chmod 755 "$work" "$work/deb" # apt fetches as a user of its own
    (cd "$work/deb" && apt-get download -q busybox-static) || return
    dpkg-deb -x "$work"/deb/busybox-static_*.deb "$work/deb" || return
    cp "$work/deb/bin/busybox" "$files/bin/"
    for name in $("$files/bin/busybox" --list); do
        [[ $name == busybox ]] || ln -s busybox "$files/bin/$name"
    done
    cluster image --out "$work/busybox.tar" --name mooring.local/busybox:1 --root "$files" --cmd sh
}

# make_certificates NAME...: of a server of these names, as cert-manager makes them: tls.crt, tls.key and ca.crt in $work/tls.
make_certificates() {
    local names=("${@/#/,DNS:}") joined
    joined=$(printf %s "${names[@]}")
    rm -rf "$work/tls" && mkdir -p "$work/tls" && openssl req -x509 -newkey rsa:2048 -noenc -days 2 -subj '/CN=lakehouse of the test' -keyout "$work/ca.key" -out "$work/tls/ca.crt" &&
        openssl req -x509 -newkey rsa:2048 -noenc -days 2 -subj "/CN=$1" -CA "$work/tls/ca.crt" -CAkey "$work/ca.key" -keyout "$work/tls/tls.key" \
            -out "$work/tls/tls.crt" -addext "subjectAltName=${joined#,}"
}

clean_up() {
    local state
    if declare -F clean_up_more >/dev/null; then clean_up_more; fi
    if [[ -n ${MOORING_TEST_STATE:-} ]]; then return; fi
    for state in first second killed lacking; do
        if [[ -n ${CLUSTER_BIN:-} && -d $work/$state ]]; then cluster down --dir "$work/$state" >/dev/null 2>&1 || true; fi
    done
    rm -rf -- "$work" "/tmp/mooring-nobody-$$"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# need_nodes N: what so many of them need; skips all where they cannot be had.
need_nodes() {
    [[ $(uname -s) == Linux ]] || skip_all "this is $(uname -s), not Linux"
    ((EUID == 0)) || skip_all 'no root'
    command -v apt-get >/dev/null || skip_all 'no apt-get, for containerd'
    unshare --mount --net --pid --fork true 2>/dev/null || skip_all 'this machine permits no namespaces'
    ensure_cluster_binaries
    ensure_node "$1"
}

# start_nodes: two of them, with the image of the tests' pods.
start_nodes() {
    need_nodes 2
    pack_image >"$work/log" 2>&1 || {
        cat "$work/log" >&2
        fail "failed to make the image of busybox"
    }
    say "starting two nodes"
    up "$work/first"
    cluster load --dir "$work/first" "$work/busybox.tar" 2>>"$work/log"
}

# run_tests [TEST...]: those, or all; fails when one did. Where chained is set the first failure ends them. What 'explain' says, if
# it is there, is shown of a failure.
run_tests() {
    local passed=0 failed=0 tests=("$@") test began verdict=ok
    ((${#tests[@]})) || tests=("${all[@]}")
    for test in "${tests[@]}"; do
        began=$SECONDS
        # In a condition 'set -e' is asleep for all that is called: the tests join their steps with &&.
        if "$test" >"$work/log" 2>&1; then
            passed=$((passed + 1))
            printf 'ok      %s (%d s)\n' "$test" $((SECONDS - began))
        else
            failed=$((failed + 1))
            printf 'FAILED  %s (%d s)\n' "$test" $((SECONDS - began))
            tail -n 30 "$work/log" | cut -c 1-400 | sed 's/^/        /'
            kube get nodes,pods -A -o wide 2>&1 | tail -n 20 | sed 's/^/        /' || true
            if declare -F explain >/dev/null; then explain 2>&1 | cut -c 1-300 | sed 's/^/        /' || true; fi
            if [[ -n ${chained:-} ]]; then break; fi
        fi
    done
    if ((failed > 0)); then verdict=FAILED; fi
    printf 'test result: %s. %d passed; %d failed\n' "$verdict" "$passed" "$failed"
    ((failed == 0))
}

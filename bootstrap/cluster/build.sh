#!/usr/bin/env bash
# Builds mooring-cluster, kwok and kubectl once for each content of this folder, and prints the folder
# of the cache that holds them. With KUBEBUILDER_ASSETS set only a launcher of those binaries is built.
# With --node it is the other half: mooring-node (kubelet, kube-proxy), and the images that every node needs; with
# --launcher mooring-cluster alone, without a control plane in it.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/../lib.sh"

cd "$here"
kubernetes=$(go list -m -mod=readonly -f '{{.Version}}' k8s.io/kubernetes)
minor=${kubernetes#v1.} minor=${minor%%.*}
# Without these stamps every client would see a server v0.0.0.
stamps="-X k8s.io/component-base/version.gitVersion=$kubernetes"
stamps+=" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=$minor"
stamps+=" -X k8s.io/client-go/pkg/version.gitVersion=$kubernetes"
flags=(-mod=readonly -buildvcs=false -trimpath)
if [[ ${1:-} == --node ]]; then
    packages=(./node ./node/dns ./node/pause)
    kind=node
    flags+=(-gcflags=all=-dwarf=false)
elif [[ ${1:-} == --launcher || -n ${KUBEBUILDER_ASSETS:-} ]]; then
    packages=(.)
    kind=launcher
    flags+=(-tags=launcher)
else
    packages=(. sigs.k8s.io/kwok/cmd/kwok k8s.io/kubernetes/cmd/kubectl)
    kind=cluster
    # Debug information is a third of the compiler's work here.
    flags+=(-gcflags=all=-dwarf=false)
fi
flags+=(-ldflags="-s -w $stamps")
# No garbage collection in the compiler: its processes are short, and memory is cheaper than time.
export CGO_ENABLED=0 GOGC=${GOGC:-off}

# content_digest: of every file that is built from, and of the Go version; git has no say in it.
content_digest() {
    {
        go env GOVERSION GOOS GOARCH
        find . -type f ! -name '*_test.go' -print0 | LC_ALL=C sort -z | xargs -0 sha256sum
    } | sha256sum | cut -c 1-16
}

# list_packages: those still to be compiled, into the staging folder; fetches the modules that lack.
list_packages() {
    exec go list "${flags[@]}" -deps -f '{{if .Stale}}{{.ImportPath}}{{end}}' "${packages[@]}" >"$staging/packages"
}

# failed WHAT: shows what the log says besides names of packages.
failed() {
    grep -v '^[A-Za-z0-9._/-]*$' "$log" | tail -n 20 >&2
    fail "$1" "The whole output: $log"
}

# pack_images: the programs of pods that every node runs become images, the only thing in them.
pack_images() {
    # The first process of each node is a launcher too: the whole control plane's initial memory is 80 MiB.
    go build "${flags[@]}" -tags=launcher -o "$staging/mooring-launcher" . >>"$log" 2>&1 || failed "the launcher does not build"
    mv "$staging/dns" "$staging/coredns"
    local name
    for name in pause coredns; do
        "$staging/mooring-launcher" image --out "$staging/$name.tar" --name "mooring.local/$name:1" \
            --entrypoint "/$name" --file "$staging/$name=/$name"
        rm "$staging/$name"
    done
}

build() {
    local total module
    log=$MOORING_CACHE/$kind/build.log
    staging=$(mktemp -d "$MOORING_CACHE/$kind/.building.XXXXXX")
    : >"$log"
    with_progress 'fetching modules' 0 "$log" list_packages || failed "failed to fetch the Go modules"
    total=$(grep -c . "$staging/packages" || true)
    rm "$staging/packages"
    if ((total > 1000)); then note "$total packages to compile: once, about 5 minutes on two cores"; fi
    : >"$log"
    with_progress compiling "$total" "$log" go build -v "${flags[@]}" -o "$staging/" "${packages[@]}" ||
        failed "Kubernetes does not build"
    if [[ $kind == node ]]; then
        mv "$staging/node" "$staging/mooring-node"
        pack_images
    else
        mv "$staging/cluster" "$staging/mooring-cluster"
    fi
    if [[ $kind == cluster ]]; then
        module=$(go list -m -mod=readonly -f '{{.Dir}}' sigs.k8s.io/kwok)
        # What kwok does to nodes, pods and claims; each file is one YAML document.
        awk 'FNR == 1 { print "---" } { print }' "$module"/kustomize/stage/{node/fast/node,pod/fast/pod,volume/fast/pv}*.yaml \
            >"$staging/stages.yaml"
    fi
    mv -T "$staging" "$target"
    # Nobody who used a version within the last week misses it.
    find "$MOORING_CACHE/$kind" -mindepth 1 -maxdepth 1 -type d -mtime +7 -exec rm -rf {} +
}

# A build that is interrupted leaves neither its compiler nor its files.
staging=''
clean_up() {
    end_worker
    if [[ -n $staging ]]; then rm -rf "$staging"; fi
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

target=$MOORING_CACHE/$kind/$(content_digest)
if [[ ! -d $target ]]; then
    mkdir -p "$MOORING_CACHE/$kind"
    exec 9>"$MOORING_CACHE/$kind/lock"
    flock -n 9 || {
        say "another build is under way: waiting for it"
        flock 9
    }
fi
if [[ ! -d $target ]]; then
    case $kind in
        cluster) say "building Kubernetes $kubernetes into the cache" ;;
        launcher) say "building mooring-cluster without a control plane" ;;
        node) say "building kubelet, kube-proxy and CoreDNS into the cache" ;;
    esac
    began=$SECONDS
    build
    say "built in $((SECONDS - began)) s"
fi
touch "$target"
printf '%s\n' "$target"

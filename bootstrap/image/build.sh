#!/usr/bin/env bash
# Mooring's container images: with docker, podman or minikube from their Containerfile; without an engine the same
# layout from registry packages, as an OCI archive.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/../lib.sh"
# shellcheck source=bootstrap/image/lib.sh
. "$here/lib.sh"
me=bootstrap/image/build.sh

usage() {
    cat <<END
Mooring's container images: $(names | tr '\n' ' ')

Usage: $me NAME... [options]

Options:
  --engine ENGINE   docker, podman, minikube (into its node), or none; default: the first of docker and podman that
                    answers, else none
  --tag TAG         another tag than the release's ($(release))
  -h, --help        this text

With an engine it prints the image's name; those that others publish are pulled. Without one it prints the path of an OCI archive, made of this checkout's programs
and Debian packages, and imports it into the nodes of 'bootstrap/local.sh --node' if they run. The same input gives the same
archive, and is packed once.

Examples:
  $me agent producer
  $me agent --engine none --tag try-1
END
}

# names: of the images that there are.
names() { (cd "$here" && printf '%s\n' */ | tr -d /); }

# parse ARGUMENT...
parse() {
    engine='' tag=$(release) images=()
    while (($#)); do
        case $1 in
            --engine | --tag)
                (($# > 1)) || fail "$1 needs a value" "$me --help"
                parse_option "$1" "$2"
                shift
                ;;
            -h | --help | help)
                usage
                exit
                ;;
            *)
                [[ $1 =~ ^[a-z0-9-]+$ && -r $here/$1/recipe.sh ]] || fail "no such image or option: $1" "There are: $(names | tr '\n' ' ')"
                images+=("$1")
                ;;
        esac
        shift
    done
    ((${#images[@]})) || fail "which image? $(names | tr '\n' ' ')" "$me --help"
}

# parse_option NAME VALUE
parse_option() {
    case $1 in
        --engine)
            [[ $2 =~ ^(docker|podman|minikube|none)$ ]] || fail "--engine $2: there is docker, podman, minikube and none"
            engine=$2
            ;;
        --tag)
            [[ $2 =~ ^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$ ]] || fail "--tag $2: letters, digits, '_', '.' and '-' are possible"
            tag=$2
            ;;
    esac
}

# find_engine: the first that answers: a client alone builds nothing.
find_engine() {
    local one
    for one in docker podman; do
        if command -v "$one" >/dev/null && "$one" info >/dev/null 2>&1; then
            printf '%s' "$one"
            return
        fi
    done
    printf none
}

# build_with_engine NAME REFERENCE
build_with_engine() {
    local file=bootstrap/image/$1/Containerfile
    say "building $2 with $engine"
    case $engine in
        minikube) (cd "$CHECKOUT" && minikube image build -t "$2" -f "$file" .) >&2 ;;
        *) "$engine" build --tag "$2" --file "$CHECKOUT/$file" "$CHECKOUT" >&2 ;;
    esac || fail "$engine does not build $2" "Its words are above."
    printf '%s\n' "$2"
}

# pull REFERENCE: an image that others publish.
pull() {
    say "pulling $1 with $engine"
    case $engine in
        minikube) minikube image pull "$1" >&2 ;;
        *) "$engine" pull "$1" >&2 ;;
    esac || fail "$engine does not pull $1" "Its words are above."
    printf '%s\n' "$1"
}

parse "$@"
[[ -n $engine ]] || engine=$(find_engine)
trap 'end_worker; rm -rf -- "$images_cache/.packing.$$"' EXIT
trap 'exit 130' INT TERM HUP
archives=()
for name in "${images[@]}"; do
    upstream='' left_out=()
    # shellcheck source=bootstrap/image/agent/recipe.sh
    . "$here/$name/recipe.sh"
    if [[ $engine == none ]]; then
        pack "$name" "${upstream:-$repository:$tag}"
        archives+=("$archive")
        printf '%s\n' "$archive"
    elif [[ -n $upstream ]]; then
        pull "$upstream"
    else
        build_with_engine "$name" "$repository:$tag"
    fi
done
if ((${#archives[@]})) && node_runs; then
    say "importing into the local nodes"
    load_images "${archives[@]}"
fi

#!/usr/bin/env bash
# Mooring in Minikube: a cluster of its own, the images built into it, the agent and its git remote installed.
#
# Not run by this repository's tests on a real Minikube, which needs a virtual machine or Docker: they try it with stand-ins that
# record what was called (tests/bootstrap/run.sh).
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/lib.sh"
me=bootstrap/minikube.sh

usage() {
    cat <<END
Mooring in Minikube, with a git remote in the cluster.

Usage:
  $me start [options]   make or start the cluster, build the images into it, install; again, it upgrades
  $me stop              stop the cluster; its data stays
  $me status            what runs
  $me reset [--yes]     delete the cluster and all that is in it, what was pushed included

Options of start:
  --cpus N              (default: 4)
  --memory SIZE         (default: 10g)
  --disk SIZE           (default: 40g)
  --driver NAME         as 'minikube start' has it (default: the one that Minikube chooses)
  -- OPTION...          options of bootstrap/install.sh, for example -- --environment dev

The cluster is the Minikube profile, and the kubectl context, ${profile}; MINIKUBE_PROFILE names another. It needs minikube,
kubectl, git and Rust; what lacks is told with how to get it.
END
}

# hint TOOL: how to get it on this system.
hint() {
    local system
    system=$(uname -s)
    if [[ $system == Linux ]] && grep -qi microsoft /proc/version 2>/dev/null; then system=WSL2; fi
    case $1/$system in
        minikube/Darwin) echo 'brew install minikube' ;;
        minikube/*) echo 'https://minikube.sigs.k8s.io/docs/start' ;;
        kubectl/Darwin) echo 'brew install kubectl' ;;
        kubectl/*) echo 'https://kubernetes.io/docs/tasks/tools' ;;
        engine/Darwin) echo "Docker Desktop, or 'brew install qemu' and --driver qemu" ;;
        engine/WSL2) echo 'Docker Desktop with its WSL2 integration switched on for this distribution, or Docker inside of it' ;;
        engine/*) echo 'Docker or Podman for your user, or KVM and --driver kvm2' ;;
        *) echo "install $1 with your system's package manager" ;;
    esac
}

check() {
    local tool
    for tool in minikube kubectl git; do
        command -v "$tool" >/dev/null || fail "$tool is needed and not installed" "$(hint "$tool")"
    done
}

start() {
    local options=(--cpus "$cpus" --memory "$memory" --disk-size "$disk")
    if [[ -n $driver ]]; then options+=(--driver "$driver"); fi
    say "starting Minikube: $cpus CPUs, $memory of memory"
    minikube start "${options[@]}" >&2 || fail "Minikube does not start" "Its words are above." \
        "It needs a driver: $(hint engine)" "A machine with less: $me start --cpus 2 --memory 6g"
    say "building the images into it (some minutes the first time)"
    "$here/image/build.sh" agent producer git spark superset --engine minikube >/dev/null
    "$here/install.sh" --context "$profile" --local-git "${install[@]}"
}

status() {
    minikube status || true
    kubectl --context "$profile" get environments.mooring.dev -o wide
}

reset() {
    if [[ -z $yes ]]; then
        [[ -t 0 ]] || fail "reset deletes the cluster $profile and all that is in it" "$me reset --yes"
        local answer
        read -rp "Delete the cluster $profile and all that is in it, what was pushed included? [y/N] " answer
        [[ $answer == [yY]* ]] || fail "nothing was deleted"
    fi
    minikube delete >&2
}

export MINIKUBE_PROFILE=${MINIKUBE_PROFILE:-mooring}
profile=$MINIKUBE_PROFILE command='' cpus=4 memory=10g disk=40g driver='' yes='' install=()
while (($#)); do
    case $1 in
        start | stop | status | reset) command=$1 ;;
        --cpus | --memory | --disk | --driver)
            (($# > 1)) || fail "$1 needs a value" "$me --help"
            printf -v "${1#--}" '%s' "$2"
            shift
            ;;
        --yes) yes=yes ;;
        --)
            install=("${@:2}")
            break
            ;;
        -h | --help | help)
            usage
            exit
            ;;
        *) fail "no such command or option: $1" "$me --help" ;;
    esac
    shift
done
[[ -n $command ]] || fail "which command? start, stop, status or reset" "$me --help"
check
case $command in
    stop) minikube stop >&2 ;;
    *) "$command" ;;
esac

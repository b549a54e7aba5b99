#!/usr/bin/env bash
# Mooring on this machine: a real Kubernetes control plane, a git remote, and the agent between them.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/lib.sh"
me=bootstrap/local.sh

usage() {
    cat <<END
Mooring on this machine: a real Kubernetes API server, a git remote, and the agent between them.

Usage:
  $me [options]        start everything, say how to play with it, follow the agent's log;
                                    Ctrl-C ends it all; what was pushed and stored is kept for the next run
  $me status [-o json] what runs, and where (exit code 3 when something of it does not)
  $me kubectl ARGS     kubectl on this cluster, whatever your own kubeconfig says
  $me load ARCHIVE...  import images (OCI or docker archives) into the nodes of --node
  $me down             end what --detach left running
  $me reset            end it, and forget the cluster's data and the git remote

Options:
  --detach               let it run on in the background
  --node                 pods that really run, in containers, without Docker (Linux, root; docs/node.md);
                         without it they are simulated: ready at once, and nothing runs
  --nodes N              how many nodes (default: 1)
  --lakehouse            with --node: the agent in the cluster, and the whole lakehouse with its images, until all is ready;
                         ends with addresses and passwords (8 GiB of memory, 15 GiB of disk; the first time half an hour)
  --preset SIZE          of the lakehouse: small (default), or medium for 16 GiB and four cores
  --demo                 play the whole story by itself: push, drift, repair, a broken push
  --context NAME         use an existing cluster, by its context in your kubeconfig, instead of our own
  --environment NAME     which of environments/ to keep (default: local)
  --from DIR             seed the git remote from DIR's environments/ and components/, not from this checkout
  -h, --help             this text

The first run builds Kubernetes (about 5 minutes on two cores) and the agent into the cache,
${MOORING_CACHE/#$HOME/\~}; a later run takes seconds. No Docker and, but for --node, no root is needed. Nothing listens
outside of this machine, and no cluster is touched but our own or the one that you name.

Variables: MOORING_CACHE (what was built), MOORING_STATE (data, git remote and logs), MOORING_BIN (a mooring
binary to use), KUBEBUILDER_ASSETS (a folder of kube-apiserver, etcd and kubectl to use).

Examples:
  $me                        start, follow, end with Ctrl-C
  $me --detach               start; then: $me kubectl get environments -A
  sudo $me --node --nodes 2  two nodes on which pods run
  sudo $me --node --lakehouse
  $me --context kind-play    the agent on a cluster that you have
END
}

# parse ARGUMENT...: sets command and what the options want.
parse() {
    command=run detached='' demo='' environment=local from=$CHECKOUT real='' nodes=1 output=text lakehouse='' preset=small operands=()
    while (($#)); do
        case $1 in
            run | status | down | reset) command=$1 ;;
            kubectl | load)
                command=$1
                operands=("${@:2}")
                return
                ;;
            --node) real=yes ;;
            --detach) detached=yes ;;
            --lakehouse) lakehouse=yes ;;
            --demo) demo=yes ;;
            --context | --environment | --from | --nodes | --preset | -o | --output)
                (($# > 1)) || fail "$1 needs a value" "$me --help"
                parse_option "$1" "$2"
                shift
                ;;
            -h | --help | help)
                usage
                exit
                ;;
            *) fail "no such command or option: $1" "$me --help" ;;
        esac
        shift
    done
}

# parse_option NAME VALUE
parse_option() {
    case $1 in
        --context) use_context "$2" ;;
        --environment) environment=$2 ;;
        --nodes)
            [[ $2 =~ ^[1-9][0-9]*$ ]] || fail "--nodes $2: a number from 1 on is needed"
            nodes=$2
            ;;
        --preset)
            [[ $2 == small || $2 == medium ]] || fail "--preset $2: there is small and medium" "$me --help"
            preset=$2
            ;;
        -o | --output)
            [[ $2 == text || $2 == json ]] || fail "$1 $2: text or json" "$me --help"
            output=$2
            ;;
        --from)
            [[ -d $2/environments ]] || fail "--from $2: there is no folder $2/environments"
            from=$(cd -- "$2" && pwd)
            ;;
    esac
}

# start_all: each part that does not run yet.
start_all() {
    NODE_FLAGS=(--simulated-node --nodes "$nodes")
    if [[ -n $real ]]; then
        [[ -z ${KUBE_CONTEXT:-} ]] || fail "--node and --context exclude each other: an existing cluster has its own nodes"
        ensure_node "$nodes"
    fi
    ensure_agent
    say "starting the control plane${KUBE_CONTEXT:+: no, using the context $KUBE_CONTEXT}"
    start_cluster "${NODE_FLAGS[@]}"
    if [[ -n $lakehouse ]]; then
        start_lakehouse "$preset" "$from"
        open_ways
        return
    fi
    start_remote "$from"
    say "starting the agent on the environment $environment"
    start_agent "$environment"
    wait_for_agent 60 || warn "the agent has not finished its first round within a minute; its log tells why"
}

# stop_all: the agent first, so that it does not complain of a cluster that goes away.
stop_all() {
    stop_agent
    close_ways
    stop_cluster
}

# show_how_to: what a newcomer does next.
show_how_to() {
    if is_lakehouse; then
        show_lakehouse
        show_stop
        return
    fi
    cat <<END

${bold}Mooring keeps this cluster as git says.${plain}

  clone    git clone $REMOTE_URL lakehouse
  change   cd lakehouse; edit environments/$environment/environment.yaml; git commit -am 'feat: ...'; git push
  look     $me kubectl get environments -A
           $me kubectl get all -A
  break    $me kubectl -n lakehouse scale deployment NAME --replicas 7     and read below who did it
  health   http://127.0.0.1:$(<"$agent_port_file")/readyz, /metrics
  log      $agent_log
END
    if [[ -z ${KUBE_CONTEXT:-} ]]; then printf '  %-8s %s\n' config "export KUBECONFIG=$KUBE_CONFIG"; fi
    show_stop
}

show_stop() {
    if [[ -e $MOORING_STATE/detached ]]; then
        printf '  %-8s %s\n\n' stop "$me down"
    else
        printf '  %-8s %s\n\n' stop "Ctrl-C"
    fi
}

# only_one: two runs on one state would end each other's processes.
only_one() {
    mkdir -p "$MOORING_STATE"
    exec 8>"$MOORING_STATE/lock"
    flock -n 8 || fail "it runs in another terminal already" "Look at it with '$me status'." \
        "For a second one beside it, set MOORING_STATE to another folder."
}

# run: in the foreground until Ctrl-C, or with --detach only until all is ready.
run() {
    only_one
    if is_lakehouse; then lakehouse=yes real=yes; fi
    if [[ -z $lakehouse && -e $MOORING_STATE/detached && -n $(agent_pid) ]]; then
        view
        return
    fi
    rm -f "$MOORING_STATE/detached"
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    trap 'end_run' EXIT
    start_all
    if [[ -n $detached ]]; then
        touch "$MOORING_STATE/detached"
        trap - EXIT
        show_how_to
        return
    fi
    show_how_to
    # In the background and waited for, because a trap waits for a command in the foreground.
    if [[ -n $lakehouse ]]; then follow_lakehouse & else follow_agent & fi
    follower=$!
    wait "$follower" || true
    fail "the agent ended by itself" "Its last words are above, all of them in $agent_log"
}

# view: what an earlier --detach left running.
view() {
    find_cluster
    start_remote "$from"
    show_how_to
    if [[ -n $detached ]]; then return; fi
    note "it runs since before: Ctrl-C ends only this view"
    (follow_agent) || true
}

# end_run: half a start is no start, and a Ctrl-C is how a run ends well.
end_run() {
    local ended=$?
    trap '' INT TERM HUP
    printf '\n' >&2
    say "ending"
    if [[ -n $lakehouse && -n ${follower:-} ]]; then kill "$follower" 2>/dev/null || true; fi
    stop_all
    if [[ -n ${follower:-} ]]; then wait "$follower" || true; fi # the agent's last words
    if ((ended == 130)); then exit 0; fi
}

status() {
    find_cluster || fail "nothing was started here yet" "$me starts it. State: $MOORING_STATE"
    if [[ $output == json ]]; then status_json; fi
    local ended=0
    if [[ -n ${KUBE_CONTEXT:-} ]]; then
        printf '%-20s %s\n' context "$KUBE_CONTEXT"
    else
        "$CLUSTER_BIN/mooring-cluster" status --dir "$MOORING_STATE/cluster" || ended=$?
    fi
    if is_lakehouse; then
        status_lakehouse || ended=3
        exit "$ended"
    fi
    if [[ -z $(agent_pid) ]]; then
        printf '%-20s stopped\n' agent
        ended=3
    elif agent_is_ready; then
        printf '%-20s pid %s, ready, http://127.0.0.1:%s\n' agent "$(agent_pid)" "$(<"$agent_port_file")"
    else
        printf '%-20s pid %s, not ready: %s\n' agent "$(agent_pid)" "$agent_log"
    fi
    printf '%-20s %s\n' 'git remote' "file://$MOORING_STATE/remote.git"
    exit "$ended"
}

# status_json: the same for programs, and the end of the script. What does not run is null.
status_json() {
    local cluster=null agent=null ended=0 ready=false
    if [[ -n ${KUBE_CONTEXT:-} ]]; then
        cluster="{\"context\":$(json_string "$KUBE_CONTEXT")}"
    else
        cluster=$("$CLUSTER_BIN/mooring-cluster" status --json --dir "$MOORING_STATE/cluster" 2>/dev/null) || {
            cluster=null
            ended=3
        }
    fi
    if is_lakehouse; then
        if lakehouse_is_ready; then ready=true; else ended=3; fi
        agent="{\"namespace\":\"mooring-system\",\"ready\":$ready}"
        printf '{"cluster":%s,"agent":%s,"ways":%s}\n' "$cluster" "$agent" "$(ways_json)"
        exit "$ended"
    fi
    if [[ -n $(agent_pid) ]]; then
        if agent_is_ready; then ready=true; fi
        agent="{\"pid\":$(agent_pid),\"ready\":$ready,\"url\":\"http://127.0.0.1:$(<"$agent_port_file")\",\"log\":$(json_string "$agent_log")}"
    else
        ended=3
    fi
    printf '{"cluster":%s,"agent":%s,"remote":%s}\n' "$cluster" "$agent" "$(json_string "file://$MOORING_STATE/remote.git")"
    exit "$ended"
}

# json_string TEXT: quoted; control characters, which no path of ours has, are left out.
json_string() {
    local text=${1//[[:cntrl:]]/}
    text=${text//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# load ARCHIVE...: images for the pods of --node.
load() {
    ((${#operands[@]})) || fail "load what?" "$me load ARCHIVE..., OCI or docker archives as bootstrap/cluster/build.sh or 'podman save' make them"
    if ! find_cluster || [[ -n ${KUBE_CONTEXT:-} ]] || ! cluster_is_running; then
        fail "no cluster of ours runs" "$me --node starts it."
    fi
    load_images "${operands[@]}"
}

down() {
    find_cluster || {
        note "nothing was started here yet"
        return
    }
    stop_all
    rm -f "$MOORING_STATE/detached"
}

reset() {
    down
    # By name: whatever else is in a folder that the user chose stays.
    rm -rf "$MOORING_STATE"/{cluster,remote.git,lakehouse,agent,agent.log,agent.pid,agent.port,context}
    say "forgotten: the cluster's data and the git remote"
    if [[ -n ${KUBE_CONTEXT:-} ]]; then note "what the agent made in the cluster of $KUBE_CONTEXT stays there"; fi
}

parse "$@"
if [[ -n $lakehouse && (-z $real || $environment != local || -n ${KUBE_CONTEXT:-}) ]]; then
    fail "--lakehouse needs --node, and keeps the environment local" "In a cluster that you have, bootstrap/install.sh --local-git brings it."
fi
if [[ -n $demo && -n $real ]]; then fail "--demo and --node exclude each other" "The demo plays on simulated nodes."; fi
if [[ -n $demo ]]; then exec "$here/demo.sh"; fi
case $command in
    kubectl)
        find_cluster || fail "no cluster was started here yet" "$me starts it."
        [[ -n ${KUBE_CONTEXT:-} ]] || cluster_is_running || fail "the cluster does not run" "$me starts it."
        run_kubectl "${operands[@]}"
        ;;
    *) "$command" ;;
esac

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
  $me status           what runs, and where
  $me kubectl ARGS     kubectl on this cluster, whatever your own kubeconfig says
  $me down             end what --detach left running
  $me reset            end it, and forget the cluster's data and the git remote

Options:
  --detach               let it run on in the background
  --demo                 play the whole story by itself: push, drift, repair, a broken push
  --context NAME         use an existing cluster, by its context in your kubeconfig, instead of our own
  --environment NAME     which of environments/ to keep (default: local)
  --from DIR             seed the git remote from DIR's environments/ and components/, not from this checkout
  -h, --help             this text

The first run builds Kubernetes (about 5 minutes on two cores) and the agent into the cache,
${MOORING_CACHE/#$HOME/\~}; a later run takes seconds. No Docker and no root is needed. Nothing listens
outside of this machine, and no cluster is touched but our own or the one that you name.

Variables: MOORING_CACHE (what was built), MOORING_STATE (data, git remote and logs), MOORING_BIN (a mooring
binary to use), KUBEBUILDER_ASSETS (a folder of kube-apiserver, etcd and kubectl to use).

Examples:
  $me                        start, follow, end with Ctrl-C
  $me --detach               start; then: $me kubectl get environments -A
  $me --context kind-play    the agent on a cluster that you have
END
}

# parse ARGUMENT...: sets command and what the options want.
parse() {
    command=run detached='' demo='' environment=local from=$CHECKOUT kubectl_arguments=()
    while (($#)); do
        case $1 in
            run | status | down | reset) command=$1 ;;
            kubectl)
                command=kubectl
                kubectl_arguments=("${@:2}")
                return
                ;;
            --detach) detached=yes ;;
            --demo) demo=yes ;;
            --context | --environment | --from)
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
        --from)
            [[ -d $2/environments ]] || fail "--from $2: there is no folder $2/environments"
            from=$(cd -- "$2" && pwd)
            ;;
    esac
}

# start_all: each part that does not run yet.
start_all() {
    ensure_agent
    say "starting the control plane${KUBE_CONTEXT:+: no, using the context $KUBE_CONTEXT}"
    start_cluster --simulated-node
    start_remote "$from"
    say "starting the agent on the environment $environment"
    start_agent "$environment"
    wait_for_agent 60 || warn "the agent has not finished its first round within a minute; its log tells why"
}

# stop_all: the agent first, so that it does not complain of a cluster that goes away.
stop_all() {
    stop_agent
    stop_cluster
}

# show_how_to: what a newcomer does next.
show_how_to() {
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
    if [[ -e $MOORING_STATE/detached && -n $(agent_pid) ]]; then
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
    follow_agent &
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
    stop_all
    if [[ -n ${follower:-} ]]; then wait "$follower" || true; fi # the agent's last words
    if ((ended == 130)); then exit 0; fi
}

status() {
    find_cluster || fail "nothing was started here yet" "$me starts it. State: $MOORING_STATE"
    local ended=0
    if [[ -n ${KUBE_CONTEXT:-} ]]; then
        printf '%-20s %s\n' context "$KUBE_CONTEXT"
    else
        "$CLUSTER_BIN/mooring-cluster" status --dir "$MOORING_STATE/cluster" || ended=$?
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
    rm -rf "$MOORING_STATE"/{cluster,remote.git,agent,agent.log,agent.pid,agent.port,context}
    say "forgotten: the cluster's data and the git remote"
    if [[ -n ${KUBE_CONTEXT:-} ]]; then note "what the agent made in the cluster of $KUBE_CONTEXT stays there"; fi
}

parse "$@"
if [[ -n $demo ]]; then exec "$here/demo.sh"; fi
case $command in
    kubectl)
        find_cluster || fail "no cluster was started here yet" "$me starts it."
        [[ -n ${KUBE_CONTEXT:-} ]] || cluster_is_running || fail "the cluster does not run" "$me starts it."
        run_kubectl "${kubectl_arguments[@]}"
        ;;
    *) "$command" ;;
esac

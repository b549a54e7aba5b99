# shellcheck shell=bash
# The agent between the git remote and the cluster, in the background, its words in agent.log.

agent_pid_file=$MOORING_STATE/agent.pid
agent_port_file=$MOORING_STATE/agent.port
agent_log=$MOORING_STATE/agent.log

# start_agent ENVIRONMENT [FLAG OF 'mooring agent']...: needs start_cluster and start_remote before it.
start_agent() {
    local environment=$1 port where=(--kubeconfig "$KUBE_CONFIG")
    shift
    if [[ -n $(agent_pid) ]]; then return; fi
    ensure_agent
    # The user's own kubeconfig may be a list of files: clients find it by themselves.
    if [[ -n ${KUBE_CONTEXT:-} ]]; then where=(--context "$KUBE_CONTEXT"); fi
    port=$(free_port)
    # In a session of its own: a Ctrl-C in the terminal is for the script, which stops things in order.
    # The lock of the script (descriptor 8) is not its to keep.
    setsid "$MOORING_BIN" agent --repo "$REMOTE_URL" --branch main --environment "$environment" "${where[@]}" \
        --interval 2s --state-dir "$MOORING_STATE/agent" --listen "127.0.0.1:$port" "$@" \
        </dev/null >"$agent_log" 2>&1 8>&- &
    write_pid_file "$agent_pid_file" $!
    printf '%s\n' "$port" >"$agent_port_file"
}

# agent_pid: nothing when it does not run.
agent_pid() { running_pid "$agent_pid_file"; }

# agent_is_ready: its first reconcile is done.
agent_is_ready() {
    [[ -n $(agent_pid) && -r $agent_port_file && $(http_status "$(<"$agent_port_file")" /readyz) == 200 ]]
}

# wait_for_agent [SECONDS]: 0 ready, 1 not yet. An agent that ended is an error.
wait_for_agent() {
    local tenths=$((${1:-60} * 10))
    until agent_is_ready; do
        if [[ -z $(agent_pid) ]]; then
            tail -n 20 "$agent_log" >&2
            fail "the agent ended by itself" "Its last words are above, all of them in $agent_log"
        fi
        ((tenths-- > 0)) || return 1
        sleep 0.1
    done
}

# follow_agent: prints the log from its beginning until the agent ends. The lock of the script is not its
# to keep.
follow_agent() { exec tail -n +1 -s 0.2 -f --pid="$(agent_pid)" "$agent_log" 8>&-; }

stop_agent() { end_process "$agent_pid_file" 'the agent'; }

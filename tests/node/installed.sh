# shellcheck shell=bash disable=SC2034,SC2154 # those who source it use what it sets, lib.sh sets the rest
# What the tests share that install the agent with a git remote in the cluster. Sourced after lib.sh.

in_mooring() { kube --namespace mooring-system "$@"; }

install_here() {
    KUBECONFIG=$work/first/kubeconfig PATH=$CLUSTER_BIN:$PATH "$CHECKOUT/bootstrap/install.sh" \
        --context "$("$CLUSTER_BIN/kubectl" --kubeconfig "$work/first/kubeconfig" config current-context)" "$@"
}

# through_remote COMMAND...: with the remote's port on this machine in $remote.
through_remote() {
    local port forwarder='' status=0 token
    port=$(free_port)
    token=$(in_mooring get secret mooring-git -o 'jsonpath={.data.token}' | base64 -d) || return
    remote=http://mooring:$token@127.0.0.1:$port/git/lakehouse.git
    eventually 60 opens && "$@" || status=1
    kill "$forwarder" 2>/dev/null
    return "$status"
}

# opens: kubectl ends when nobody in the pod listens yet, as after its node's restart, so it is started as often as needed.
opens() {
    { [[ $forwarder ]] && kill -0 "$forwarder" 2>/dev/null; } || forward mooring-system service/git "$port:80"
    [[ $(http_status "$port" /healthz) == 200 ]]
}

# commit_and_push EDIT...: a command that changes the repository in the current folder.
commit_and_push() {
    rm -rf "$work/repository" &&
        git clone -q "$remote" "$work/repository" &&
        (cd "$work/repository" && "$@" && own_git commit -qam 'test: a change' && git push -q origin main)
}

push() { through_remote commit_and_push "$@" && pushed=$(git -C "$work/repository" rev-parse HEAD); }

at_revision() {
    [[ $(kube get environment local -o 'jsonpath={.status.revision} {.status.conditions[?(@.type=="Ready")].status}') == "$pushed True" ]]
}

# logs: of all agents that run.
logs() { in_mooring logs -l app.kubernetes.io/name=mooring --tail=-1 --prefix=false; }

# explain: the end of what each agent said, those before its last restart included.
explain() {
    local pod
    for pod in $(in_mooring get pods -l app.kubernetes.io/name=mooring -o name); do
        echo "$pod:"
        in_mooring logs "$pod" --previous --tail=15 2>/dev/null
        in_mooring logs "$pod" --tail=25
    done
}

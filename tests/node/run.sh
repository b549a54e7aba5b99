#!/usr/bin/env bash
# What a real node must do, tried on one: pods that run, and nothing left behind. Each test is a function whose
# name is its sentence. Where a real node cannot be had it says so, and skips them all.
#
#   tests/node/run.sh [TEST...]
set -euo pipefail
# The order matters: the last ones end the cluster.
readonly all=(
    a_pod_runs_and_its_log_can_be_read
    a_command_runs_in_a_container
    a_service_is_reached_by_name_on_both_nodes
    a_port_is_forwarded
    a_node_port_answers_on_every_node
    a_pod_talks_to_the_api_server_with_its_token
    a_claim_keeps_its_data_and_belongs_to_the_group_of_the_pod
    a_deleted_claim_takes_its_folder_along
    memory_over_the_limit_is_killed
    a_failing_probe_restarts_the_container
    a_killed_kubelet_is_started_again
    a_killed_node_comes_back_with_its_pods
    a_second_cluster_ends_without_harm_to_the_first
    the_next_start_goes_on_with_the_same_cluster
    nodes_of_the_other_kind_are_refused
    down_leaves_nothing
    a_kill_in_the_middle_of_starting_leaves_nothing
    the_address_of_a_service_that_a_killed_start_did_not_make_is_free
    what_a_machine_lacks_is_named_with_its_cure
)
# shellcheck source=tests/node/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

a_pod_runs_and_its_log_can_be_read() {
    kube apply -f "$here/pods.yaml" &&
        kube rollout status deployment/web --timeout=60s &&
        kube wait --for=condition=Ready pod/tool --timeout=60s &&
        kube logs deployment/web | grep -q '^hello from web-'
}

a_command_runs_in_a_container() { [[ $(kube exec tool -- sh -c 'id -u; exit 0') == 1000 ]]; }

# The two pods of the Deployment are on different nodes (pods.yaml).
a_service_is_reached_by_name_on_both_nodes() {
    local i seen=''
    for ((i = 0; i < 40; i++)); do
        seen+=$(kube exec tool -- wget -q -O - http://web.default.svc.cluster.local)$'\n' || return
        if (($(sort -u <<<"$seen" | grep -c .) == 2)); then return; fi
    done
    return 1
}

a_port_is_forwarded() {
    local port forward status=1
    port=$(free_port)
    kube port-forward service/web "$port:80" &
    forward=$!
    eventually 20 answers_200 "$port" && status=0
    kill "$forward"
    return "$status"
}

answers_200() { [[ $(http_status "$1" /) == 200 ]]; }

a_node_port_answers_on_every_node() {
    local address
    for address in $(kube get nodes -o 'jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}'); do
        kube exec tool -- wget -q -O - "http://$address:30080" | grep -q '^web-' || return
    done
}

a_pod_talks_to_the_api_server_with_its_token() {
    local token
    # busybox speaks no TLS that the API server would: that it is the one who answers, and whom the pod's token stands for.
    kube exec tool -- sh -c 'wget -O - http://kubernetes.default.svc:443/ 2>&1 || true' | grep -q '400 Bad Request' &&
        token=$(kube exec tool -- cat /var/run/secrets/kubernetes.io/serviceaccount/token) &&
        [[ $(kube create -o 'jsonpath={.status.user.username}' -f - <<<"
            {apiVersion: authentication.k8s.io/v1, kind: TokenReview, spec: {token: $token}}") == system:serviceaccount:default:default ]]
}

a_claim_keeps_its_data_and_belongs_to_the_group_of_the_pod() {
    kube exec tool -- sh -c 'echo kept > /data/file' &&
        [[ $(kube exec tool -- stat -c %g /data) == 2000 ]] &&
        kube delete pod tool --grace-period=0 --force &&
        kube apply -f "$here/pods.yaml" &&
        kube wait --for=condition=Ready pod/tool --timeout=60s &&
        [[ $(kube exec tool -- cat /data/file) == kept ]]
}

a_deleted_claim_takes_its_folder_along() {
    local folder
    kube apply -f "$here/brief.yaml" &&
        kube wait --for=jsonpath='{.status.phase}'=Succeeded pod/brief --timeout=60s &&
        folder=$(kube get pvc brief -o 'jsonpath={.spec.volumeName}') &&
        compgen -G "$work/first/nodes/*/volumes/$folder/written" &&
        kube delete -f "$here/brief.yaml" --timeout=60s &&
        eventually 30 gone "$folder"
}

gone() { ! compgen -G "$work/first/nodes/*/volumes/$1" >/dev/null; }

memory_over_the_limit_is_killed() {
    kube apply -f "$here/greedy.yaml" &&
        kube wait --for=jsonpath='{.status.containerStatuses[0].state.terminated.reason}'=OOMKilled pod/greedy --timeout=60s
}

a_failing_probe_restarts_the_container() {
    kube apply -f "$here/ailing.yaml" &&
        kube wait --for=jsonpath='{.status.containerStatuses[0].restartCount}'=1 pod/ailing --timeout=60s
}

another_kubelet() {
    local now
    now=$(service_pids node-1 kubelet)
    [[ -n $now && $now != "$1" ]]
}

a_killed_kubelet_is_started_again() {
    local pid
    pid=$(service_pids node-1 kubelet)
    [[ -n $pid ]] && kill -KILL "$pid" && eventually 20 another_kubelet "$pid" &&
        kube get pods -o name # and the pods have not noticed
    [[ $(kube get deployment web -o 'jsonpath={.status.readyReplicas}') == 2 ]]
}

a_killed_node_comes_back_with_its_pods() {
    cluster restart node-2 --dir "$work/first" --kill &&
        eventually 60 all_answer && [[ $(kube exec tool -- cat /data/file) == kept ]]
}

all_answer() {
    kube wait --for=condition=Ready pod/tool --timeout=5s && kube rollout status deployment/web --timeout=5s &&
        kube exec tool -- wget -q -O - http://web
}

a_second_cluster_ends_without_harm_to_the_first() {
    up "$work/second" --nodes 1 && cluster down --dir "$work/second" && leaves_nothing "$work/second" && all_answer
}

the_next_start_goes_on_with_the_same_cluster() {
    cluster down --dir "$work/first" && up "$work/first" && eventually 60 all_answer &&
        [[ $(kube exec tool -- cat /data/file) == kept ]]
}

nodes_of_the_other_kind_are_refused() {
    local said
    cluster down --dir "$work/first" && ! said=$(cluster up --dir "$work/first" --simulated-node --detach 2>&1) &&
        grep -q 'has real nodes: begin anew' <<<"$said" && up "$work/first"
}

# leaves_nothing FOLDER: no process, mount or cgroup that belongs to the state directory. Namespaces and the
# interfaces in them are there while a process, a mount or an open file keeps them, and no longer.
leaves_nothing() {
    local cgroup left
    printf '%s/\n' "$1" >"$work/sought"
    cgroup=mooring-$(printf '%s\0%s' "$(hostname)" "$1" | sha256sum | cut -c 1-8)
    left=$(
        compgen -G "/sys/fs/cgroup/*/$cgroup" || compgen -G "/sys/fs/cgroup/$cgroup"
        grep -lF "$1/" /proc/[0-9]*/mountinfo 2>/dev/null
        grep -lF "$cgroup" /proc/[0-9]*/cgroup 2>/dev/null
        # From a file, or grep would find itself.
        grep -lF -f "$work/sought" /proc/[0-9]*/cmdline 2>/dev/null
        ip -o link | grep -E 'mooring|node-[0-9]'
    )
    if [[ -n $left ]]; then printf 'left behind by %s:\n%s\n' "$1" "$left"; fi
    [[ -z $left ]]
}

down_leaves_nothing() {
    leaves_nothing "$work/first" && return 1 # or the test would find nothing anywhere
    cluster down --dir "$work/first" && leaves_nothing "$work/first"
}

a_kill_in_the_middle_of_starting_leaves_nothing() {
    local after pid
    for after in 0.1 0.4 0.8 1.5 2.5 4 6; do
        cluster up --dir "$work/killed" "${NODE_FLAGS[@]}" >/dev/null 2>&1 &
        pid=$!
        sleep "$after"
        kill -KILL "$pid" || return # it must still run
        wait "$pid" || true
        cluster down --dir "$work/killed" || return
        eventually 5 leaves_nothing "$work/killed" || return
    done
    up "$work/killed" && cluster down --dir "$work/killed"
}

the_address_of_a_service_that_a_killed_start_did_not_make_is_free() {
    local there=("$CLUSTER_BIN/kubectl" --kubeconfig "$work/killed/kubeconfig" --request-timeout=60s)
    up "$work/killed" && "${there[@]}" --namespace kube-system delete service kube-dns || return
    "${there[@]}" create --filename=- <<'EOF' || return
apiVersion: networking.k8s.io/v1
kind: IPAddress
metadata: { name: 10.96.0.10, labels: { ipaddress.kubernetes.io/ip-family: IPv4, ipaddress.kubernetes.io/managed-by: ipallocator.k8s.io } }
spec: { parentRef: { resource: services, namespace: kube-system, name: kube-dns } }
EOF
    cluster down --dir "$work/killed" && up "$work/killed" && cluster down --dir "$work/killed"
}

# refuses WORDS COMMAND...: it fails, and says that.
refuses() {
    local said words=$1
    shift
    if said=$("$@" 2>&1); then return 1; fi
    grep -qF -- "$words" <<<"$said" || {
        printf 'expected "%s", it said:\n%s\n' "$words" "$said"
        return 1
    }
}

what_a_machine_lacks_is_named_with_its_cure() {
    local tools=$work/tools name
    # A machine with the tools of a start but nft.
    mkdir -p "$tools"
    for name in ip mount; do ln -sf "$(command -v "$name")" "$tools/$name"; done
    chmod 755 "$work"
    refuses 'need root: run this with sudo' setpriv --reuid 65534 --clear-groups "$work/cluster" up --dir "/tmp/mooring-nobody-$$" "${NODE_FLAGS[@]}" &&
        refuses 'install the package containernetworking-plugins' cluster up --dir "$work/lacking" "${NODE_FLAGS[@]}" --runtime "$work/lacking" &&
        refuses "'build.sh --node' builds it" cluster up --dir "$work/lacking" "${NODE_FLAGS[@]}" --node-binaries "$work/lacking" &&
        refuses 'start it with --privileged' setpriv --bounding-set -sys_admin --inh-caps -sys_admin \
            "$CLUSTER_BIN/mooring-cluster" up --dir "$work/lacking" "${NODE_FLAGS[@]}" &&
        refuses 'no cgroup controller' unshare --mount sh -c \
            'umount -l /sys/fs/cgroup && exec "$@"' sh "$CLUSTER_BIN/mooring-cluster" up --dir "$work/lacking" "${NODE_FLAGS[@]}" &&
        leaves_nothing "$work/lacking"
}

start_nodes
# For a user who may not look into root's cache.
cp "$CLUSTER_BIN/mooring-cluster" "$work/cluster"
run_tests "$@"

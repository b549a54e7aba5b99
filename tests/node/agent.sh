#!/usr/bin/env bash
# The agent as a pod: installed by bootstrap/install.sh with a git remote in the cluster, on nodes whose pods really run. Each
# test is a function whose name is its sentence; each goes on where the one before ended.
#
#   tests/node/agent.sh
set -euo pipefail
readonly all=(
    an_image_packed_again_has_the_same_bytes_and_is_small
    one_script_installs_the_agent_and_a_git_remote
    the_agent_runs_without_root_on_a_read_only_root
    a_push_changes_the_cluster
    drift_is_put_back_and_the_log_says_who_did_it
    the_pod_of_a_producer_makes_the_window_of_its_minute
    a_push_upgrades_the_agent_itself
    a_broken_upgrade_leaves_the_old_agent_working_and_is_told
    the_other_replica_takes_over_from_a_deleted_leader
    a_restarted_api_server_is_found_again
    a_killed_kubelet_ends_no_agent
    a_drained_node_moves_the_agent
    a_node_that_lost_power_comes_back_with_its_agent
    a_new_token_for_the_remote_needs_no_restart
    the_same_script_again_upgrades_by_a_push
    removing_the_agent_leaves_what_it_applied_and_what_was_pushed
    a_missing_right_is_told_and_the_rest_goes_on
)
# shellcheck source=tests/node/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/node/installed.sh
. "$here/installed.sh"

greeting() { kube --namespace lakehouse get deployment web -o 'jsonpath={.spec.template.spec.containers[0].env[0].value}'; }
greets() { [[ $(greeting) == "$1" ]]; }
greet() { sed -i "s/value: .*/value: $1/" components/app/web.yaml; }
image_tag() {
    local values=environments/local/values/mooring.yaml
    sed -i '/^image:/,/^  tag:/d' "$values" && printf 'image:
  tag: %s
' "$1" >>"$values"
}

# leader: the pod that holds the Lease, whose identity is the pod's name and a digest.
leader() {
    local holder
    holder=$(in_mooring get lease -o 'jsonpath={.items[0].spec.holderIdentity}')
    printf '%s' "${holder%-*}"
}
another_leads() { [[ -n $(leader) && $(leader) != "$1" ]]; }

# repairs: a change by hand is put back.
repairs() {
    kube --namespace lakehouse set env deployment/web "GREETING=$1" --field-manager=kubectl-edit && eventually 30 greets "$2"
}

an_image_packed_again_has_the_same_bytes_and_is_small() {
    local name archive before
    for name in agent producer git; do
        archive=$("$CHECKOUT/bootstrap/image/build.sh" "$name" --engine none) && before=$(sha256sum <"$archive") || return
        mv "$archive" "$work/before.tar"
        archive=$("$CHECKOUT/bootstrap/image/build.sh" "$name" --engine none) && [[ $(sha256sum <"$archive") == "$before" ]] || return
        if [[ $name != git ]] && (($(stat -c %s "$archive") >= 80000000)); then
            echo "$name: $(stat -c %s "$archive") bytes"
            return 1
        fi
        cluster load --dir "$work/first" "$archive" || return
    done
    # The same agent under another tag, to upgrade to.
    archive=$("$CHECKOUT/bootstrap/image/build.sh" agent --engine none --tag next) && cluster load --dir "$work/first" "$archive"
}

one_script_installs_the_agent_and_a_git_remote() {
    install_here --local-git --from "$here/repository" --timeout 180 >"$work/said" 2>&1 || {
        cat "$work/said"
        in_mooring logs -l app.kubernetes.io/name=mooring --tail=10 --prefix
        return 1
    }
    cat "$work/said"
    grep -q 'the environment local is ready' "$work/said" && greets hello &&
        ! grep -qF "$(in_mooring get secret mooring-git -o 'jsonpath={.data.token}' | base64 -d)" "$work/said"
}

the_agent_runs_without_root_on_a_read_only_root() {
    local pod
    pod=$(in_mooring get pods -l app.kubernetes.io/name=mooring -o 'jsonpath={.items[0].metadata.name}')
    # The namespace admits only pods of the level restricted. What the kernel says of the process:
    [[ $(kube get namespace mooring-system -o 'jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}') == restricted ]] &&
        in_mooring exec "$pod" -- /usr/bin/mooring --version && agent_status && agent_root_is_read_only
}

# agent_process: of an agent in a pod, as this machine sees it.
agent_process() {
    local process
    for process in /proc/[0-9]*; do
        if [[ $(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) == '/usr/bin/mooring agent '* ]] && grep -q "mooring-.*/kubepods" "$process/cgroup"; then
            printf '%s' "$process"
            return
        fi
    done
    return 1
}

agent_status() {
    local process
    process=$(agent_process) && cat "$process/status" && grep -q '^Uid:.65532' "$process/status" && grep -q '^CapEff:.0*$' "$process/status" &&
        grep -q '^NoNewPrivs:.1' "$process/status" && grep -q '^Seccomp:.2' "$process/status"
}

agent_root_is_read_only() { grep -q '^[0-9]* [0-9]* [^ ]* [^ ]* / ro' "$(agent_process)/mountinfo"; }

a_push_changes_the_cluster() { push greet moin && eventually 60 at_revision && greets moin; }

drift_is_put_back_and_the_log_says_who_did_it() {
    repairs tampered moin && eventually 10 log_names_the_hand
}

log_names_the_hand() { logs | grep '"kubectl-edit"\|kubectl-edit' | grep -q tampered; }

# And this machine makes the same events of that minute.
the_pod_of_a_producer_makes_the_window_of_its_minute() {
    local job
    eventually 120 a_run_is_complete && job=$(kube --namespace lakehouse get jobs -l mooring.dev/producer=orders -o 'jsonpath={.items[0].metadata.name}') &&
        kube --namespace lakehouse logs "job/$job" >"$work/there" && ensure_program mooring-producer &&
        "$PROGRAM" --dataset orders --seed 42 --rate 5 --job "$job" --schedule '* * * * *' --dry-run >"$work/here" &&
        grep -q sha256 "$work/here" && diff "$work/here" "$work/there"
}

a_run_is_complete() { [[ $(kube --namespace lakehouse get jobs -l mooring.dev/producer=orders -o 'jsonpath={.items[0].status.succeeded}') == 1 ]]; }

images() { in_mooring get pods -l app.kubernetes.io/name=mooring -o 'jsonpath={range .items[*]}{.spec.containers[0].image} {.status.containerStatuses[0].ready}{"\n"}{end}' | sort -u; }
all_run() { [[ $(images) == "ghcr.io/mooring-dev/mooring:$1 true" ]]; }

a_push_upgrades_the_agent_itself() {
    local before
    before=$(leader)
    push image_tag next && eventually 90 all_run next && eventually 60 at_revision && another_leads "$before" && repairs tampered moin
}

a_broken_upgrade_leaves_the_old_agent_working_and_is_told() {
    push image_tag missing && eventually 60 is_told_of && repairs tampered moin && [[ $(images) == *'mooring:next true'* ]] &&
        push image_tag next && eventually 90 at_revision && eventually 60 all_run next
}

is_told_of() {
    kube get environment local -o 'jsonpath={.status.conditions[?(@.type=="Ready")]}' | grep '"status":"False"' | grep -q 'mooring.*\(ImagePull\|ErrImage\|pull\)'
}

the_other_replica_takes_over_from_a_deleted_leader() {
    local before
    before=$(leader)
    in_mooring delete pod "$before" --wait=false && eventually 30 another_leads "$before" && repairs tampered moin
}

a_restarted_api_server_is_found_again() {
    cluster restart apiserver --dir "$work/first" --pause 3s && eventually 60 repairs tampered moin && push greet servus && eventually 60 at_revision
}

a_killed_kubelet_ends_no_agent() {
    local before pid
    before=$(in_mooring get pods -l app.kubernetes.io/name=mooring -o name | sort) && pid=$(service_pids node-1 kubelet) && kill -KILL "$pid" &&
        eventually 30 another_kubelet "$pid" && eventually 30 all_run next &&
        [[ $(in_mooring get pods -l app.kubernetes.io/name=mooring -o name | sort) == "$before" ]] && repairs tampered servus
}

another_kubelet() {
    local now
    now=$(service_pids node-1 kubelet)
    [[ -n $now && $now != "$1" ]]
}

# Evicted within what the PodDisruptionBudget permits: one agent works at any time.
a_drained_node_moves_the_agent() {
    local node
    node=$(in_mooring get pod "$(leader)" -o 'jsonpath={.spec.nodeName}') &&
        kube drain "$node" --pod-selector=app.kubernetes.io/name=mooring --delete-emptydir-data --ignore-daemonsets --timeout=90s &&
        repairs tampered servus && eventually 60 all_run next &&
        [[ -z $(in_mooring get pods -l app.kubernetes.io/name=mooring --field-selector "spec.nodeName=$node" -o name) ]] && kube uncordon "$node"
}

a_node_that_lost_power_comes_back_with_its_agent() {
    local node
    node=$(in_mooring get pod "$(leader)" -o 'jsonpath={.spec.nodeName}') &&
        cluster restart "$node" --dir "$work/first" --kill && eventually 90 all_run next && eventually 60 repairs tampered servus &&
        push greet ahoi && eventually 60 at_revision && greets ahoi
}

a_new_token_for_the_remote_needs_no_restart() {
    local before
    before=$(in_mooring get pods -l app.kubernetes.io/name=mooring -o name | sort)
    install_here --local-git --new-token --timeout 180 && push greet hej && eventually 120 at_revision && greets hej &&
        [[ $(in_mooring get pods -l app.kubernetes.io/name=mooring -o name | sort) == "$before" ]]
}

the_same_script_again_upgrades_by_a_push() {
    local before
    before=$(in_mooring get deployment mooring -o 'jsonpath={.metadata.generation}')
    install_here --local-git --image ghcr.io/mooring-dev/mooring:0.1.0 --timeout 180 && eventually 60 all_run 0.1.0 &&
        [[ $(in_mooring get deployment mooring -o 'jsonpath={.metadata.generation}') == $((before + 1)) ]] && greets hej
}

removing_the_agent_leaves_what_it_applied_and_what_was_pushed() {
    local before
    before=$(greeting)
    install_here --uninstall && [[ -z $(in_mooring get deployment mooring --ignore-not-found -o name) ]] && greets "$before" &&
        kube --namespace lakehouse rollout status deployment/web --timeout=10s && through_remote git_has_it
}

git_has_it() { [[ -n $(git ls-remote "$remote" main) ]]; }

# Each goes on where the one before ended.
chained=yes
# Installed with a Role in one namespace, on a repository that wants more than that.
a_missing_right_is_told_and_the_rest_goes_on() {
    through_remote commit_and_push begin_anew && ! install_here --local-git --profile namespaced --namespaces lakehouse --timeout 40 >"$work/said" 2>&1 &&
        cat "$work/said" && greets aloha && kube get environment local -o jsonpath='{.status.conditions}' >"$work/status" && cat "$work/status" &&
        grep -q 'not allowed: priorityclasses' "$work/status" && grep -qF '{apiGroups: [\"scheduling.k8s.io\"], resources: [\"priorityclasses\"]' "$work/status"
}

# begin_anew: without the agent's own chart, and with an object that no Role of a namespace permits.
begin_anew() {
    cp "$here"/repository/environments/local/environment.yaml environments/local/ && greet aloha && printf '%s\n' --- 'apiVersion: scheduling.k8s.io/v1' \
        'kind: PriorityClass' 'metadata: {name: greedy}' 'value: 1000' >>components/app/web.yaml
}

start_nodes
ensure_agent
run_tests "$@"

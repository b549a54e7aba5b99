#!/usr/bin/env bash
# The story of Mooring, played by itself on a real control plane: a push is applied, five kinds of drift are found and
# ended, a broken push is refused. Ends with 0 only if all of it was seen.
#
#   bootstrap/local.sh --demo
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export MOORING_STATE=${MOORING_DEMO_STATE:-${MOORING_CACHE:-$HOME/.cache/mooring}/demo}
# shellcheck source=lib.sh
source "$here/lib.sh"

namespace=lakehouse
declare -a times=()
seen=0

finish() {
    local status=$?
    trap - EXIT INT TERM
    if [[ -n ${fighter:-} ]]; then kill "$fighter" 2>/dev/null || true; fi
    stop_agent || true
    stop_cluster || true
    rm -rf "$MOORING_STATE"
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

chapter() { printf '\n%s\n' "${bold}$*${plain}"; }
tell() { printf '  %s\n' "$*"; }
did() { printf '  %s\n' "${dim}\$ $*${plain}"; }
pause() { if [[ -t 1 ]]; then sleep 1; fi; }
now() { date +%s%3N; }

# log_from: remembers where the agent's log ends now.
log_from() { mark=$(wc -l <"$agent_log"); }

# await SECONDS PATTERN: waits for a line of the log since log_from that holds the pattern, and leaves it in `line`.
await() {
    local tenths=$(($1 * 10))
    until line=$(tail -n "+$((mark + 1))" "$agent_log" | grep -m1 -E -- "$2"); do
        if ((tenths-- <= 0)) || [[ -z $(agent_pid) ]]; then
            tail -n 15 "$agent_log" >&2
            fail "the agent did not say within $1 s: $2" "Its last words are above, all of them in $agent_log"
        fi
        sleep 0.1
    done
}


# show_record: the agent's words of the line in `line`.
show_record() {
    local text
    text=$(sed -E 's/.*"message":"(([^"\\]|\\.)*)".*/\1/' <<<"$line")
    printf '%b\n' "${text//\\\"/\"}" | sed "s/^/    ${dim}|${plain} /"
}

number() { sed -nE "s/.*\"$1\":([0-9]+).*/\1/p" <<<"$line"; }

# drift TITLE PATTERN SECONDS: waits for the record of a drift, shows it and notes its times.
drift() {
    await "$3" "$2"
    show_record
    times+=("$1|seen $(number seenMs) ms, put back $(number repairedMs) ms later")
    seen=$((seen + 1))
    pause
}

kube() {
    did "kubectl $*"
    run_kubectl -n "$namespace" "$@" >/dev/null
}

push() {
    own_git -C "$work" add --all
    own_git -C "$work" commit -qm "$1"
    did "git commit -m '$1' && git push"
    own_git -C "$work" push -q origin main
}

versions() {
    run_kubectl -n "$namespace" get configmaps,secrets,services,deployments,statefulsets,cronjobs \
        -o 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.generation} {.data}{"\n"}{end}'
}

chapter 'A real Kubernetes API server, a git remote, the agent'
rm -rf "$MOORING_STATE"
ensure_cluster_binaries
ensure_agent
start_cluster --simulated-node
start_remote
start_agent local --log-format json
wait_for_agent 120 || fail 'the first revision was not applied within two minutes' "See $agent_log"
mark=0
await 60 '"topic":"done"'
show_record
work=$MOORING_STATE/clone
own_git clone -q "$REMOTE" "$work"

chapter '1. A push is applied'
log_from
sed -i 's/replicas: 1$/replicas: 2/' "$work/environments/local/values/trino.yaml"
mkdir -p "$work/components/dashboards"
cat >"$work/components/dashboards/demo.yaml" <<'YAML'
apiVersion: v1
kind: ConfigMap
metadata:
  name: demo
data:
  greeting: hello
---
apiVersion: v1
kind: Secret
metadata:
  name: demo
stringData:
  password: correct-horse
YAML
began=$(now)
push 'feat(trino): one more worker, and something to play with'
await 30 '"topic":"done"'
show_record
times+=("a push applied|$(($(now) - began)) ms from git push")
seen=$((seen + 1))
[[ $(run_kubectl -n "$namespace" get deployment trino-worker -o 'jsonpath={.metadata.labels.mooring\.dev/component}') == trino ]] ||
    fail 'the push is said to be applied, and the cluster does not show it'
pause

chapter '2. Drift: five kinds of it'
tell 'A value changed behind the back of git:'
log_from
kube set image deployment/trino-coordinator '*=example.org/other:1'
drift 'a value changed' '"topic":"drift".*trino-coordinator' 20

tell 'An object deleted:'
log_from
kube delete configmap demo
drift 'an object deleted' '"topic":"drift".*"kind":"missing"' 20

tell 'A field added by hand:'
log_from
kube label configmap demo team=hand-made
drift 'a field added' '"topic":"drift".*team' 20

tell 'A Secret changed (its value is never shown):'
log_from
kube patch secret demo --type merge -p '{"data":{"password":"aHVudGVyMg=="}}'
drift 'a Secret changed' '"topic":"drift".*data.password' 20
if grep -qE 'hunter2|aHVudGVyMg|correct-horse' "$agent_log"; then fail 'a secret stands in the log'; fi

tell 'A fight with a second writer, who wants the same field for himself:'
log_from
(for ((round = 0; round < 200; round++)); do
    run_kubectl -n "$namespace" patch configmap demo --field-manager=second-writer --type merge \
        -p "{\"data\":{\"greeting\":\"mine-$round\"}}" >/dev/null 2>&1 || true
    sleep 0.2
done) &
fighter=$!
await 60 '"topic":"drift".*"action":"deferred"'
kill "$fighter" 2>/dev/null || true
wait "$fighter" 2>/dev/null || true
fighter=''
show_record
times+=('a fight|backed off, with the ignore rule that would end it')
seen=$((seen + 1))
pause

chapter '3. A broken push is refused, and the cluster stays as it was'
# The fight is over; the field is put back after the pause.
await 40 '"topic":"drift".*greeting.*"action":"corrected".*' || true
before=$(versions)
log_from
cp "$work/environments/local/environment.yaml" "$MOORING_STATE/good.yaml"
sed -i 's/^  namespace:/  namespcae:/' "$work/environments/local/environment.yaml"
push 'feat: a slip of the keyboard'
await 30 'is refused'
show_record
[[ $(versions) == "$before" ]] || fail 'the broken push changed the cluster'
tell 'The cluster is as it was.'
times+=('a broken push|refused with file, line and column; nothing changed')
seen=$((seen + 1))
log_from
cp "$MOORING_STATE/good.yaml" "$work/environments/local/environment.yaml"
push 'fix: the slip'
await 30 '"topic":"done"'
tell 'Mended with the next push.'

chapter 'What was seen'
for entry in "${times[@]}"; do printf '  %s%-20s%s %s\n' "$green" "${entry%%|*}" "$plain" "${entry#*|}"; done
((seen == 7)) || fail "only $seen of 7 scenes were seen"
printf '\n  Now yourself: %s\n' "${bold}bootstrap/local.sh${plain}"

#!/usr/bin/env bash
# The story of Mooring, played by itself on a real control plane: a push is applied, five kinds of drift are found and
# ended, a broken push is refused. Ends with 0 only if all of it was seen.
#
#   bootstrap/local.sh --demo
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export MOORING_STATE=${MOORING_DEMO_STATE:-${MOORING_CACHE:-$HOME/.cache/mooring}/demo}
# shellcheck source=bootstrap/lib.sh
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

# events: what the agent said since log_from, each event with all its lines, ended by a NUL.
events() {
    tail -n "+$((mark + 1))" "$agent_log" |
        awk '/^[0-9][0-9]:/ { if (event != "") printf "%s%c", event, 0; event = $0; next }
             { event = event "\n" $0 }
             END { if (event != "") printf "%s%c", event, 0 }'
}

# await SECONDS PATTERN...: waits for an event that holds all the patterns, and leaves it in `event`.
await() {
    local tenths=$(($1 * 10)) pattern found
    shift
    while true; do
        found=$(mktemp)
        events >"$found"
        for pattern in "$@"; do
            grep -zE -- "$pattern" "$found" >"$found.next" || true
            mv "$found.next" "$found"
        done
        event=$(head -z -n 1 "$found" | tr -d '\0')
        rm -f "$found"
        if [[ -n $event ]]; then return; fi
        if ((tenths-- <= 0)) || [[ -z $(agent_pid) ]]; then
            tail -n 15 "$agent_log" >&2
            fail "the agent did not say what was waited for: $*" "Its last words are above, all of them in $agent_log"
        fi
        sleep 0.1
    done
}

# show: the event, each line marked as the agent's words.
# shellcheck disable=SC2001 # each line gets its mark
show() { sed "s/^/    ${dim}|${plain} /" <<<"$event"; }

# drift TITLE SECONDS PATTERN...: waits for the record of a drift, shows it and notes its times.
drift() {
    local title=$1 took
    shift
    await "$1" '^[0-9:]+ +drift ' "${@:2}"
    show
    took=$(grep -oE '(put back|made anew|taken out) after .*' <<<"$event" || true)
    times+=("$title|$took")
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
# shellcheck disable=SC2119 # from this checkout
start_remote
start_agent local
wait_for_agent 120 || fail 'the first revision was not applied within two minutes' "See $agent_log"
mark=0
await 60 ' done +local is at'
show
work=$MOORING_STATE/clone
own_git clone -q "$REMOTE" "$work"

chapter '1. A push is applied'
log_from
sed -i 's/heap: 512m/heap: 640m/' "$work/environments/local/environment.yaml"
# A component of plain manifests, beside the charts.
sed -i 's|^  components:$|&\n    - name: demo\n      manifests: components/demo|' "$work/environments/local/environment.yaml"
mkdir -p "$work/components/demo"
cat >"$work/components/demo/demo.yaml" <<'YAML'
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
push 'feat(kafka): a larger heap, and something to play with'
await 30 ' done +local is at'
show
times+=("a push applied|$(($(now) - began)) ms from git push")
seen=$((seen + 1))
[[ $(run_kubectl -n "$namespace" get configmaps,statefulsets -o yaml) == *640m* ]] ||
    fail 'the push is said to be applied, and the cluster does not show it'
pause

chapter '2. Drift: five kinds of it'
tell 'A value changed behind the back of git:'
log_from
kube set image deployment/trino-coordinator '*=example.org/other:1'
drift 'a value changed' 20 trino-coordinator 'put back after'

tell 'An object deleted:'
log_from
kube delete configmap demo
drift 'an object deleted' 20 lakehouse/demo 'made anew after'

tell 'A field added by hand:'
log_from
kube label configmap demo team=hand-made
drift 'a field added' 20 metadata.labels.team 'taken out after'

tell 'A Secret changed (its value is never shown):'
log_from
kube patch secret demo --type merge -p '{"data":{"password":"aHVudGVyMg=="}}'
drift 'a Secret changed' 20 data.password 'put back after'
if grep -qE 'hunter2|aHVudGVyMg|correct-horse' "$agent_log"; then fail 'a secret stands in the log'; fi

tell 'A fight with a second writer, who wants the same field for himself:'
log_from
(for ((round = 0; round < 200; round++)); do
    run_kubectl -n "$namespace" patch configmap demo --field-manager=second-writer --type merge \
        -p "{\"data\":{\"greeting\":\"mine-$round\"}}" >/dev/null 2>&1 || true
    sleep 0.2
done) &
fighter=$!
await 60 '^[0-9:]+ +drift ' 'left for now'
kill "$fighter" 2>/dev/null || true
wait "$fighter" 2>/dev/null || true
fighter=''
show
times+=('a fight|backed off, with the ignore rule that would end it')
seen=$((seen + 1))
pause

chapter '3. A broken push is refused, and the cluster stays as it was'
# The fight is over; the field is put back after the pause.
log_from
await 40 '^[0-9:]+ +drift ' data.greeting 'put back after'
tell 'The pause is over, the second writer is gone, and the field is put back:'
show
before=$(versions)
log_from
cp "$work/environments/local/environment.yaml" "$MOORING_STATE/good.yaml"
sed -i 's/^  namespace:/  namespcae:/' "$work/environments/local/environment.yaml"
push 'feat: a slip of the keyboard'
await 30 'is refused'
show
[[ $(versions) == "$before" ]] || fail 'the broken push changed the cluster'
tell 'The cluster is as it was.'
times+=('a broken push|refused with file, line and column; nothing changed')
seen=$((seen + 1))
log_from
cp "$MOORING_STATE/good.yaml" "$work/environments/local/environment.yaml"
push 'fix: the slip'
await 30 ' done +local is at'
tell 'Mended with the next push.'

chapter 'What was seen'
for entry in "${times[@]}"; do printf '  %s%-20s%s %s\n' "$green" "${entry%%|*}" "$plain" "${entry#*|}"; done
((seen == 7)) || fail "only $seen of 7 scenes were seen"
printf '\n  Now yourself: %s\n' "${bold}bootstrap/local.sh${plain}"

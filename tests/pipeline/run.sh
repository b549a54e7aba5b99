#!/usr/bin/env bash
# The whole lakehouse on a real node, deployed by the agent from a git push, and counted: what the producers' manifests say is what
# Trino finds in every layer. Each test is a function whose name is its sentence; each goes on where the one before ended.
#
#   tests/pipeline/run.sh [--smoke]
#
#   --smoke    the lakehouse comes up, a window of each producer is counted
#
# With MOORING_TEST_STATE=FOLDER the cluster stays there, and the next run goes on with it.
set -euo pipefail
readonly smoke=(
    one_script_and_a_git_push_bring_the_whole_lakehouse
    components_came_in_the_order_of_depends_on
    a_window_of_each_producer_is_in_every_layer_to_the_row
    one_query_joins_a_table_a_topic_and_a_database
    each_layer_lies_in_its_own_bucket
    the_documentation_has_every_table_and_column
)
readonly more=(
    the_dashboards_show_what_trino_counts
    a_changed_retention_reaches_the_topic
    more_memory_for_trino_restarts_trino_alone
    other_code_of_the_stream_goes_on_with_the_next_batch
    an_added_column_arrives_while_the_stream_runs
    a_new_dashboard_comes_by_a_push
    after_pushes_while_data_flowed_every_layer_is_whole
    kafka_scaled_to_nothing_is_reported_and_comes_back
    an_edited_configuration_of_trino_is_reported_and_put_back
    a_deleted_service_is_reported_and_made_again
    after_hands_while_data_flowed_every_layer_is_whole
    the_stream_is_killed_and_comes_back
    kafka_is_killed_and_comes_back
    the_object_store_is_killed_and_comes_back
    the_catalog_is_killed_and_comes_back
    the_kubelet_is_killed_and_no_pod_ends
    after_kills_while_data_flowed_every_layer_is_whole
    a_backup_brings_back_what_store_and_catalog_lost
    the_time_from_an_event_to_each_layer_is_measured
    the_events_a_second_that_it_sustains_are_measured
    what_each_component_takes_of_memory_is_measured
)
if [[ ${1:-} == --smoke ]]; then
    readonly all=("${smoke[@]}")
    shift
else
    readonly all=("${smoke[@]}" "${more[@]}")
fi
# shellcheck source=tests/node/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../node/lib.sh"
# shellcheck source=tests/node/installed.sh
. "$here/installed.sh"

readonly images=(agent producer git minio kafka iceberg-catalog spark trino postgres superset)
readonly components=(minio kafka iceberg-catalog spark trino postgres superset)
readonly producers=(orders clicks sensors)
# What the browser saw, kept after the test.
readonly screenshots=$MOORING_CACHE/test-logs/dashboards

in_lakehouse() { kube --namespace lakehouse "$@"; }

# make_images: the archives of all, made where they lack.
make_images() {
    local name
    archives=()
    for name in "${images[@]}"; do archives+=("$("$CHECKOUT/bootstrap/image/build.sh" "$name" --engine none)"); done
}

# The namespace is there before, so that it admits only pods of the level restricted.
one_script_and_a_git_push_bring_the_whole_lakehouse() {
    local began=$SECONDS
    kube create namespace lakehouse --dry-run=client -o yaml | kube apply -f - && kube label --overwrite namespace lakehouse pod-security.kubernetes.io/enforce=restricted &&
        install_here --local-git --timeout 900 && figure 'git push to all ready' "$((SECONDS - began)) s" && all_ready
}

# all_ready: the environment, and every pod that does not end by itself.
all_ready() {
    [[ $(kube get environment local -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}') == True ]] &&
        ! in_lakehouse get pods --field-selector status.phase!=Succeeded \
            -o 'jsonpath={range .items[*]}{.metadata.labels.mooring\.dev/producer}{" "}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' | grep '^ False'
}

# ready_since COMPONENT: when the last of its pods got ready, or its last Job done; made_at COMPONENT: when its first object was made.
ready_since() {
    in_lakehouse get pods -l "app.kubernetes.io/instance=$1" -o 'jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].lastTransitionTime}{"\n"}{end}' | sort | tail -n 1
}
made_at() {
    in_lakehouse get deployments,statefulsets,configmaps -l "mooring.dev/component=$1" -o 'jsonpath={range .items[*]}{.metadata.creationTimestamp}{"\n"}{end}' | sort | head -n 1
}

components_came_in_the_order_of_depends_on() {
    local one before failed=0
    while read -r one before; do
        echo "$one $(made_at "$one") after $before $(ready_since "$before")"
        [[ -n $(made_at "$one") && ! $(made_at "$one") < $(ready_since "$before") ]] || failed=1
    done < <(kube get environment local -o json | python3 -c '
import json, sys
for each in json.load(sys.stdin)["spec"]["components"]:
    for before in each.get("dependsOn", []):
        print(each["name"], before)')
    ((failed == 0))
}

# figure NAME TEXT: a measurement, shown at the end.
figure() { printf '%-40s %s\n' "$1" "$2" >>"$work/figures"; }

# manifests: what the producers say that they have sent, into $work/manifests.
manifests() {
    kafka console-consumer --topic mooring.windows --from-beginning --isolation-level read_committed --timeout-ms 10000 \
        --formatter-property print.key=true 2>"$work/consumer" >"$work/manifests" || grep -q 'Processed a total' "$work/consumer"
}

# kafka TOOL ARGUMENT...
kafka() {
    in_lakehouse exec kafka-0 -- env KAFKA_HEAP_OPTS=-Xmx128m LOG_DIR=/tmp KAFKA_LOG4J_OPTS= "/opt/kafka/bin/kafka-$1.sh" --bootstrap-server kafka:9092 "${@:2}"
}

# ask COMMAND [ARGUMENT]...: lakehouse.py, with a way to Trino.
ask() {
    local port forwarder status=0
    port=$(free_port)
    forward lakehouse service/trino "$port:8080"
    eventually 30 answers "$port" && TRINO=http://127.0.0.1:$port python3 "$CHECKOUT/tests/pipeline/lakehouse.py" "$@" || status=1
    kill "$forwarder"
    return "$status"
}

answers() { [[ $(http_status "$1" /v1/info) == 200 ]]; }

# stand_still: the producers pause, by a push, and all that they have sent is there: on a slow machine there is always a window on its
# way. flow_again: they go on.
stand_still() { push pause && eventually 60 at_revision && eventually 180 quiet && eventually 600 counted; }
flow_again() { push resume && eventually 60 at_revision; }

# agree: every layer holds what the manifests say, and silver the very ids.
agree() { stand_still && ask ids "$work/manifests" && flow_again; }

pause() { resume && sed -i '/^      seed: /a\      suspend: true' environments/local/environment.yaml; }
resume() { sed -i '/^      suspend: true$/d' environments/local/environment.yaml; }

# quiet: no producer is sending.
quiet() { [[ -z $(in_lakehouse get jobs -l mooring.dev/producer -o 'jsonpath={.items[*].status.active}') ]]; }

counted() { manifests && ask counts "$work/manifests"; }

# complete PRODUCER: a run of it is done.
complete() { [[ $(in_lakehouse get jobs -l "mooring.dev/producer=$1" -o 'jsonpath={.items[*].status.succeeded}') == *1* ]]; }

a_window_of_each_producer_is_in_every_layer_to_the_row() {
    local one
    for one in "${producers[@]}"; do eventually 300 complete "$one" || return; done
    agree
}

# Every order of the topic that silver has, with its country's name: none is lost by the third.
one_query_joins_a_table_a_topic_and_a_database() {
    local orders='FROM iceberg.silver.orders s JOIN kafka.live.orders k ON k.event_id = s.event_id' two three
    stand_still || return
    two=$(ask sql "SELECT count(*) $orders") && three=$(ask sql "SELECT count(*) $orders JOIN postgres.public.countries c ON c.code = k.country") || return
    ask sql "SELECT c.name, t.euro_per_hour, count(*) $orders JOIN postgres.public.countries c ON c.code = k.country JOIN postgres.public.targets t ON t.region = c.region GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 5"
    echo "$two $three"
    flow_again && ((three > 0 && two == three))
}

each_layer_lies_in_its_own_bucket() {
    local table
    for table in bronze.orders silver.orders gold.revenue_by_minute; do
        [[ $(ask sql "SELECT count(*) > 0 AND count(*) = count_if(file_path LIKE 's3://${table/.//}/%') FROM iceberg.${table%.*}.\"${table#*.}\$files\"") == True ]] || return
    done
}

the_documentation_has_every_table_and_column() { ask columns "$CHECKOUT/docs/layers.md"; }

# with_superset COMMAND [ARGUMENT]...: dashboards.py, with the addresses that Superset and Trino have on the node: kubectl's way to a
# pod ends whenever a browser lets a connection go.
with_superset() {
    local process
    process=$(node_pid node-1) && SUPERSET=http://$(address superset) TRINO=http://$(address trino) ADMIN_USER=$(admin user) \
        ADMIN_PASSWORD=$(admin password) nsenter --target "$process" --net -- "$@"
}

# address SERVICE: its address and first port in the cluster.
address() { in_lakehouse get service "$1" -o 'jsonpath={.spec.clusterIP}:{.spec.ports[0].port}'; }

admin() { in_lakehouse get secret superset-admin -o "jsonpath={.data.$1}" | base64 -d; }

# playwright: sets PYTHONPATH to where it is, once from PyPI; the browser is Debian's.
playwright() {
    local folder=$MOORING_CACHE/playwright/1.65.2
    need_packages chromium:chromium pip3:python3-pip || return
    if [[ ! -d $folder ]]; then
        rm -rf "$folder.new" && pip3 install --quiet --no-input --target "$folder.new" playwright==1.65.2 && mv -T "$folder.new" "$folder" || return
    fi
    export PYTHONPATH=$folder
}

# Their numbers in a browser, while no data flows.
the_dashboards_show_what_trino_counts() {
    local began=$SECONDS
    playwright && stand_still || return
    with_superset python3 "$CHECKOUT/tests/pipeline/dashboards.py" look "$screenshots" || return
    figure 'three dashboards, opened and compared' "$((SECONDS - began)) s"
    flow_again
}

# The same charts under another name; the password is the one of before, and nothing starts anew.
a_new_dashboard_comes_by_a_push() {
    local before password
    before=$(pod superset) && password=$(admin password) && push new_dashboard && eventually 300 at_revision &&
        with_superset python3 "$CHECKOUT/tests/pipeline/dashboards.py" there sales-live data-quality platform sales-copy &&
        [[ $(pod superset) == "$before" && $(admin password) == "$password" ]]
}

new_dashboard() {
    sed -e 's/^slug: .*/slug: sales-copy/' -e 's/^uuid: .*/uuid: 0b5e6a52-6d0f-4a50-9f4e-2f1f5a7f0c11/' -e 's/^dashboard_title: .*/dashboard_title: Sales, a copy/' \
        components/superset/dashboards/dashboards/sales-live.yaml >components/superset/dashboards/dashboards/sales-copy.yaml && git add -A
}

after_pushes_while_data_flowed_every_layer_is_whole() { agree; }
after_hands_while_data_flowed_every_layer_is_whole() { agree; }
after_kills_while_data_flowed_every_layer_is_whole() { agree; }

# add_values COMPONENT YAML: one more file of its values, after the one that it has.
add_values() { printf '%s\n' "$2" >"environments/local/values/$1-test.yaml" && use_values "$1"; }
use_values() {
    sed -i "s|values: \[values/$1.yaml\]|values: [values/$1.yaml, values/$1-test.yaml]|" environments/local/environment.yaml && git add -A
}

retention() { kafka configs --describe --entity-type topics --entity-name sensors | grep -q "retention.ms=$1 "; }

a_changed_retention_reaches_the_topic() {
    push add_values kafka 'topics: {sensors: {config: {retention.ms: "7200000"}}}' && eventually 180 at_revision && retention 7200000 &&
        [[ $(restarts kafka-0) == 0 ]]
}

restarts() { in_lakehouse get pod "$1" -o 'jsonpath={.status.containerStatuses[0].restartCount}'; }

# pod COMPONENT PART: its name.
pod() { in_lakehouse get pods -l "app.kubernetes.io/name=$1${2:+,app.kubernetes.io/component=$2}" --field-selector status.phase=Running -o 'jsonpath={.items[0].metadata.name}'; }

uids() { in_lakehouse get pods -l "app.kubernetes.io/name in (minio,kafka,iceberg-catalog,spark)" --field-selector status.phase=Running -o 'jsonpath={.items[*].metadata.uid}'; }

more_memory_for_trino_restarts_trino_alone() {
    local before trino
    before=$(uids) && trino=$(pod trino coordinator) &&
        push add_values trino 'query: {maxMemory: 420MB, maxMemoryPerNode: 420MB}' && eventually 300 at_revision && [[ $(pod trino coordinator) != "$trino" ]] &&
        [[ $(uids) == "$before" ]]
}

other_code_of_the_stream_goes_on_with_the_next_batch() {
    local before
    before=$(pod spark stream) && eventually 90 data_flows && push other_code && eventually 300 at_revision && [[ $(pod spark stream) != "$before" ]] &&
        in_lakehouse logs "$(pod spark stream)" | grep -q 'lakehouse of the test: orders'
}

other_code() { sed -i 's/log.info("%s started after/log.info("lakehouse of the test: %s started after/' components/spark/app/stream.py; }

# data_flows: a producer is sending just now.
data_flows() { [[ $(in_lakehouse get pods -l mooring.dev/producer=orders --field-selector status.phase=Running -o name) == *orders* ]]; }
live_flows() { [[ $(in_lakehouse get pods -l app.kubernetes.io/name=live --field-selector status.phase=Running -o name) == *live* ]]; }

an_added_column_arrives_while_the_stream_runs() {
    local before
    before=$(pod spark stream) && push new_field && eventually 180 at_revision && eventually 300 campaigns && [[ $(pod spark stream) == "$before" ]] &&
        [[ $(restarts "$before") == 0 ]]
}

new_field() { sed -i "s/^\(      args: \[--exactly-once,\)\(.*--late, 2%.*\)/\1 --schema-change, 2020-01-01T00:00:00Z,\2/" environments/local/environment.yaml; }
campaigns() { (($(ask sql 'SELECT count(campaign) FROM iceberg.silver.orders') > 0)); }

# told WORD...: of a drift that the agent's log tells since $mark, with all the words.
told() {
    local word lines
    lines=$(in_mooring logs -l app.kubernetes.io/name=mooring --tail=-1 --since-time="$mark" | grep '"topic":"drift"') || return
    for word in "$@"; do lines=$(grep -F -- "$word" <<<"$lines") || return; done
    printf '%s\n' "$lines"
}

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

# Not by 'kubectl scale': the API server notes nobody for a scale to nothing, as its Scale leaves out a 0.
kafka_scaled_to_nothing_is_reported_and_comes_back() {
    mark=$(now)
    eventually 90 data_flows && in_lakehouse patch statefulset kafka --field-manager=kubectl-edit --type merge -p '{"spec":{"replicas":0}}' &&
        eventually 30 told StatefulSet '"name":"kafka"' spec.replicas '"manager":"kubectl-edit"' '"time":' &&
        in_lakehouse rollout status statefulset/kafka --timeout=180s
}

an_edited_configuration_of_trino_is_reported_and_put_back() {
    local name key before
    mark=$(now)
    read -r name key < <(in_lakehouse get configmaps -l mooring.dev/component=trino -o json | python3 -c '
import json, sys
for each in json.load(sys.stdin)["items"]:
    for key, text in each.get("data", {}).items():
        if "query.max-memory=" in text or "http-server.http.port" in text:
            print(each["metadata"]["name"], key)' | head -n 1) && [[ -n $name ]] || return
    before=$(pod trino coordinator)
    in_lakehouse patch configmap "$name" --field-manager=kubectl-edit --type merge -p "{\"data\":{\"$key\":\"tampered\"}}" &&
        eventually 30 told ConfigMap "\"name\":\"$name\"" '"manager":"kubectl-edit"' '"time":' && [[ $(in_lakehouse get configmap "$name" -o yaml) != *tampered* ]] &&
        [[ $(pod trino coordinator) == "$before" ]]
}

# Nobody is named in an object that is gone: when is what can be said.
a_deleted_service_is_reported_and_made_again() {
    mark=$(now)
    in_lakehouse delete service kafka && eventually 30 told Service '"name":"kafka"' '"kind":"missing"' '"time":' && in_lakehouse get service kafka
}

# main_process POD WORD: of its container, as this machine sees it: the one of the word that the container began with.
main_process() {
    local uid process words
    uid=$(in_lakehouse get pod "$1" -o 'jsonpath={.metadata.uid}')
    for process in /proc/[0-9]*; do
        grep -q "pod${uid//-/[-_]}" "$process/cgroup" 2>/dev/null || continue
        words=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) || continue
        if [[ $words == *"$2"* ]]; then
            printf '%s' "${process#/proc/}"
            return
        fi
    done
    return 1
}

# killed POD WORD: while data flows, as the kernel kills.
killed() {
    local process before
    eventually 90 data_flows && before=$(restarts "$1") && process=$(main_process "$1" "$2") && kill -KILL "$process" && eventually 240 back "$1" "$before"
}

back() { (($(restarts "$1") > $2)) && [[ $(in_lakehouse get pod "$1" -o 'jsonpath={.status.containerStatuses[0].ready}') == true ]]; }

the_stream_is_killed_and_comes_back() { killed "$(pod spark stream)" 'python3 -m app stream'; }
kafka_is_killed_and_comes_back() { killed kafka-0 kafka.Kafka; }
the_object_store_is_killed_and_comes_back() { killed minio-0 'minio server'; }
the_catalog_is_killed_and_comes_back() { killed "$(pod iceberg-catalog)" RESTCatalogServer; }

the_kubelet_is_killed_and_no_pod_ends() {
    local process before
    eventually 90 data_flows && before=$(uids) && process=$(service_pids node-1 kubelet) && kill -KILL "$process" && eventually 60 another_kubelet "$process" &&
        [[ $(uids) == "$before" ]]
}

another_kubelet() {
    local now
    now=$(service_pids node-1 kubelet)
    [[ -n $now && $now != "$1" ]]
}

# backup COMMAND [FLAG]...: to and from a second store, of the same chart, in a namespace of its own.
backup() {
    KUBECONFIG=$work/first/kubeconfig PATH=$CLUSTER_BIN:$PATH "$CHECKOUT/bootstrap/backup.sh" "$@" --store http://backup-minio.backup:9000 --secret backup-store \
        --context "$("$CLUSTER_BIN/kubectl" --kubeconfig "$work/first/kubeconfig" config current-context)"
}

# The volumes of both are deleted under them, and everything in them with it.
a_backup_brings_back_what_store_and_catalog_lost() {
    local word keys=() began
    stand_still || return
    kube create namespace backup && (cd "$CHECKOUT" && "$MOORING_BIN" template backup components/minio --namespace backup) | kube --namespace backup apply -f - &&
        kube --namespace backup rollout status statefulset/backup-minio --timeout=120s || return
    for word in user password; do keys+=(--from-literal="$word=$(kube --namespace backup get secret backup-minio-root -o "jsonpath={.data.$word}" | base64 -d)"); done
    in_lakehouse create secret generic backup-store "${keys[@]}" && began=$SECONDS && backup save --into "$work/backup" &&
        figure 'backup of tables and metadata' "$((SECONDS - began)) s" || return
    in_lakehouse delete persistentvolumeclaim data-minio-0 iceberg-catalog --wait=false && in_lakehouse delete pod minio-0 "$(pod iceberg-catalog)" &&
        eventually 60 ready_again minio-0 && in_lakehouse rollout status deployment/iceberg-catalog --timeout=180s && ! ask counts "$work/manifests" || return
    began=$SECONDS
    backup restore --from "$work/backup" && eventually 300 counted && figure 'restored, until all is there' "$((SECONDS - began)) s" || return
    kube delete namespace backup --wait=false && flow_again
}

ready_again() { [[ $(in_lakehouse get pod "$1" -o 'jsonpath={.status.containerStatuses[0].ready} {.metadata.deletionTimestamp}') == 'true ' ]]; }

# live SEED RATE: starts a Job that sends a window of so many orders a second, which no CronJob does: theirs hide events until the
# window is whole, and whatever else comes into the topic meanwhile. A seed is for one window, in an hour of its own.
live() {
    local hour=$((1790000000 / 3600 + $1 % 500))
    in_lakehouse delete job live --ignore-not-found && SEED=$1 RATE=$2 START=$(instant $((hour * 3600))) END=$(instant $((hour * 3600 + 60))) envsubst <"$CHECKOUT/tests/pipeline/live.yaml" | in_lakehouse apply -f -
}
instant() { date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ; }
sent() { in_lakehouse wait job/live --for=condition=Complete --timeout=300s; }

the_time_from_an_event_to_each_layer_is_measured() {
    local since seed=$RANDOM
    stand_still || return
    since=$(now)
    live "$seed" 20 && sent && eventually 600 counted && ask ids "$work/manifests" || return
    in_lakehouse logs "$(pod spark stream)" --tail=2000 >"$work/stream.log" && ask latency "$work/stream.log" "$since" "$seed" | tee -a "$work/figures" && flow_again
}

# Twice the rate until gold is later than this after the last event was sent: then more come than go through.
readonly late_seconds=20

the_events_a_second_that_it_sustains_are_measured() {
    local rate began before end records seconds one used sustained=0 cpu seed=$RANDOM
    stand_still || return
    for ((rate = 500; rate <= 128000; rate *= 2)); do
        before=$(through) && live "$((seed + 100000 + rate))" "$rate" && eventually 60 live_flows && began=${EPOCHREALTIME/./} || return
        declare -A cpu=()
        for one in "${components[@]}"; do cpu[$one]=$(cpu_ticks "$one"); done
        sent && end=$SECONDS && records=$(in_lakehouse logs job/live | awk '/^ +events / { gsub(",", ""); print $2 + 0 }') &&
            eventually 900 is_through $((before + records)) || return
        seconds=$(((${EPOCHREALTIME/./} - began) / 1000)) used=''
        for one in "${components[@]}"; do
            used+="$(($(cpu_ticks "$one") - ${cpu[$one]})) $one"$'\n'
        done
        used=$(awk -v seconds="$seconds" 'NF { printf "%.2f %s\n", $1 * 10 / seconds, $2 }' <<<"$used" | sort -rn | head -n 3 | awk '{ printf "%s%s %s", sep, $2, $1; sep = ", " }')
        echo "$rate: $records in $seconds ms, gold $((SECONDS - end)) s after the last; processors: $used"
        if ((SECONDS - end > late_seconds)); then break; fi
        sustained=$rate
    done
    figure 'sustained, events a second' "$sustained"
    figure 'of more events a second than that' "$((records * 1000 / seconds)) of $rate go through; processors used: $used" && eventually 600 counted && ask ids "$work/manifests" && flow_again
}

# through: how many orders are in gold since the stream began, by what it says of itself.
through() {
    local process
    process=$(node_pid node-1) && nsenter --target "$process" --net -- curl --silent --fail --max-time 10 "http://$(in_lakehouse get pod "$(pod spark stream)" \
        -o 'jsonpath={.status.podIP}'):4080/metrics" | awk '$1 == "lakehouse_records_total{dataset=\"orders\"}" { print $2 + 0 }'
}
is_through() { (($(through) >= $1)); }

# of_processes FILE COMPONENT: that file of /proc of all processes of the component's pods.
of_processes() {
    local uid processes
    for uid in $(in_lakehouse get pods -l "app.kubernetes.io/instance=$2" --field-selector status.phase=Running -o 'jsonpath={.items[*].metadata.uid}'); do
        mapfile -t processes < <(grep -l "pod${uid//-/[-_]}" /proc/[0-9]*/cgroup 2>/dev/null)
        cat "${processes[@]/%cgroup/$1}" 2>/dev/null
    done
}

# memory COMPONENT: in KiB, its processes' own pages and their share of others.
memory() { of_processes smaps_rollup "$1" | awk '/^Pss:/ { sum += $2 } END { print sum + 0 }'; }

# cpu_ticks COMPONENT: hundredths of a second of a processor; a process's name may have blanks.
cpu_ticks() { of_processes stat "$1" | awk '{ sub(/.*\) /, ""); sum += $12 + $13 } END { print sum + 0 }'; }

what_each_component_takes_of_memory_is_measured() {
    local one kib whole=0
    for one in "${components[@]}"; do
        kib=$(memory "$one")
        figure "memory of $one" "$((kib / 1024)) MiB"
        whole=$((whole + kib))
    done
    figure 'memory of the lakehouse' "$((whole / 1024)) MiB"
    ((whole > 0 && whole < 8 * 1024 * 1024))
}

clean_up_more() {
    if [[ -s $work/figures ]]; then sort -u "$work/figures"; fi
}

# Each goes on where the one before ended.
chained=yes
need_packages curl:curl python3:python3 envsubst:gettext-base
need_nodes 1
ensure_agent
if [[ ! -e $work/loaded ]]; then
    make_images
    say "starting a node"
    up "$work/first"
    say "importing ${#archives[@]} images into it"
    cluster load --dir "$work/first" "${archives[@]}" 2>>"$work/log"
    if [[ -n ${MOORING_TEST_STATE:-} ]]; then touch "$work/loaded"; fi
elif ! cluster status --dir "$work/first" >/dev/null; then
    up "$work/first"
fi
run_tests "$@"

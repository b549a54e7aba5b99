#!/usr/bin/env bash
# Trino as a pod of the level restricted, over the store, Kafka and the catalog: what it finds in tables and topics, what it lets whom
# do, and that it starts again with other settings. Each test is a function whose name is its sentence; each goes on where the one
# before ended.
#
#   tests/node/query.sh
set -euo pipefail
readonly all=(
    trino_gets_ready_under_the_level_restricted
    a_topic_is_a_table_whose_malformed_events_are_null
    a_table_is_made_from_a_topic_and_counted
    one_query_joins_a_table_with_a_topic
    raw_events_are_for_those_who_run_the_lakehouse
    nobody_else_changes_a_table
    the_dashboards_have_a_queue_of_their_own
    metrics_are_for_a_user_of_that_name
    another_catalog_restarts_trino_and_is_there
    with_a_certificate_clients_talk_https
)
# shellcheck source=tests/node/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly images=(minio kafka iceberg-catalog postgres trino)
in_lakehouse() { kube --namespace lakehouse "$@"; }

# chart NAME [FLAG OF 'mooring template']...
chart() { (cd "$CHECKOUT" && "$MOORING_BIN" template "$1" "components/$1" --namespace lakehouse "${@:2}"); }

# install NAME [FLAG]...: rendered once into a file: what is made up would be new at each rendering.
install() { chart "$@" >"$work/$1.yaml" && in_lakehouse apply --server-side --filename "$work/$1.yaml"; }

# done_job CHART PREFIX: the Job of that name and of the rendering in $work ran to its end.
done_job() {
    local name
    name=$(grep -o "name: $2-[0-9a-f]\{8\}\$" "$work/$1.yaml" | head -n 1) && in_lakehouse wait "job/${name#name: }" --for=condition=Complete --timeout=180s
}

# install_trino [FLAG]...: with one coordinator that works, as on a laptop.
install_trino() { install trino --values environments/local/values/trino.yaml "$@" && in_lakehouse rollout status deployment/trino-coordinator --timeout=300s; }

coordinator() { in_lakehouse get pods -l app.kubernetes.io/name=trino --field-selector status.phase=Running -o 'jsonpath={.items[0].metadata.name}'; }

# with_trino COMMAND...: with its port in TRINO.
with_trino() {
    local port status=0
    port=$(free_port)
    forward lakehouse service/trino "$port:8080"
    eventually 30 answers "$port" && TRINO=$port "$@" || status=1
    kill "$forwarder"
    return "$status"
}

answers() { [[ $(http_status "$1" /v1/info) == 200 ]]; }

# ask USER SQL: the rows, a line each; an error's words on standard error.
ask() { with_trino python3 - "$@" <<'END'; }
import json, os, sys, urllib.request
user, statement = sys.argv[1:]
server = f"http://127.0.0.1:{os.environ['TRINO']}"
def call(url, body=None):
    request = urllib.request.Request(url, body, {"X-Trino-User": user})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
page = call(f"{server}/v1/statement", statement.encode())
while True:
    for row in page.get("data", []):
        print(*row, sep="\t")
    if "error" in page:
        sys.exit(page["error"]["message"])
    if "nextUri" not in page:
        break
    page = call(page["nextUri"])
END

# refused USER SQL
refused() { ! ask "$@" >"$work/said" 2>&1 && cat "$work/said" && grep -q 'Access Denied' "$work/said"; }

trino_gets_ready_under_the_level_restricted() {
    local name archive
    for name in "${images[@]}"; do
        archive=$("$CHECKOUT/bootstrap/image/build.sh" "$name" --engine none) && cluster load --dir "$work/first" "$archive" || return
    done
    kube create namespace lakehouse && kube label namespace lakehouse pod-security.kubernetes.io/enforce=restricted &&
        install minio && install kafka --set broker.heap=512m && install iceberg-catalog && install postgres &&
        in_lakehouse rollout status statefulset/minio --timeout=120s && in_lakehouse rollout status statefulset/postgres --timeout=120s &&
        in_lakehouse rollout status statefulset/kafka --timeout=180s && in_lakehouse rollout status deployment/iceberg-catalog --timeout=180s &&
        done_job minio minio-setup && done_job kafka kafka-topics && install_trino
}

# Two good clicks, one that is cut off, one that is none.
a_topic_is_a_table_whose_malformed_events_are_null() {
    local head='"session_id":"s","sequence":1,"clicked_at":"2026-11-01T10:00:00.250Z","visitor_id":7,"customer_id":null,"step":"home"'
    in_lakehouse exec --stdin kafka-0 -- env KAFKA_HEAP_OPTS=-Xmx128m LOG_DIR=/tmp KAFKA_LOG4J_OPTS= /opt/kafka/bin/kafka-console-producer.sh \
        --bootstrap-server kafka:9092 --topic clicks <<END || return
{"event_id":"one",$head,"product_id":null,"country":"DE","device":"mobile","referrer":null,"is_bot":false,"dwell_ms":300}
{"event_id":"two",$head,"product_id":12,"country":"FR","device":null,"referrer":"social","is_bot":true,"dwell_ms":5}
{"event_id":"three",$head
no event at all
END
    [[ $(ask admin 'SELECT event_id, clicked_at, dwell_ms, is_bot FROM kafka.live.clicks WHERE event_id IS NOT NULL ORDER BY 1') == \
    $'one\t2026-11-01 10:00:00.250 UTC\t300\tFalse\ntwo\t2026-11-01 10:00:00.250 UTC\t5\tTrue' ]] &&
        [[ $(ask admin 'SELECT count(*), count(event_id) FROM kafka.live.clicks') == $'4\t2' ]] &&
        [[ $(ask admin "SELECT count(*) FROM kafka.live.clicks WHERE _timestamp < current_timestamp - INTERVAL '1' HOUR") == 0 ]]
}

# In the warehouse, the only bucket that its account may write to.
a_table_is_made_from_a_topic_and_counted() {
    ask admin "CREATE SCHEMA iceberg.lab WITH (location = 's3://warehouse/lab')" && ask admin "CREATE SCHEMA iceberg.bronze WITH (location = 's3://warehouse/bronze')" &&
        ask admin 'CREATE TABLE iceberg.lab.clicks AS SELECT event_id, country, dwell_ms FROM kafka.live.clicks WHERE event_id IS NOT NULL' &&
        ask admin 'CREATE TABLE iceberg.bronze.clicks AS SELECT _message FROM kafka.live.clicks' &&
        [[ $(ask admin 'SELECT count(*), sum(dwell_ms) FROM iceberg.lab.clicks') == $'2\t305' ]] &&
        [[ $(ask admin "SELECT sum(record_count) FROM iceberg.bronze.\"clicks\$files\"") == 4 ]]
}

one_query_joins_a_table_with_a_topic() {
    [[ $(ask ann 'SELECT l.country, k.step FROM iceberg.lab.clicks l JOIN kafka.live.clicks k ON k.event_id = l.event_id ORDER BY 1') == $'DE\thome\nFR\thome' ]]
}

raw_events_are_for_those_who_run_the_lakehouse() {
    refused ann 'SELECT count(*) FROM iceberg.bronze.clicks' && [[ $(ask dashboards 'SELECT count(*) FROM iceberg.bronze.clicks') == 4 ]]
}

nobody_else_changes_a_table() {
    local who
    for who in ann dashboards; do
        refused "$who" 'DELETE FROM iceberg.lab.clicks' && refused "$who" 'CREATE TABLE iceberg.lab.mine AS SELECT 1 AS one' &&
            refused "$who" 'DROP TABLE iceberg.lab.clicks' || return
    done
    [[ $(ask ann 'SELECT count(*) FROM iceberg.lab.clicks') == 2 ]]
}

the_dashboards_have_a_queue_of_their_own() {
    [[ $(ask admin "SELECT DISTINCT array_join(resource_group_id, '.') FROM system.runtime.queries WHERE \"user\" IN ('ann', 'dashboards') ORDER BY 1") == \
    $'lakehouse.dashboards\nlakehouse.people.ann' ]]
}

metrics_are_for_a_user_of_that_name() { with_trino metrics; }
metrics() {
    curl -sS --fail -u metrics: "http://127.0.0.1:$TRINO/metrics" >"$work/metrics" && grep -c '^trino_' "$work/metrics" &&
        ! curl -sS --fail -u ann: "http://127.0.0.1:$TRINO/metrics"
}

another_catalog_restarts_trino_and_is_there() {
    local before
    before=$(coordinator) && install_trino --set 'kafka.topics={orders}' && [[ $(coordinator) != "$before" ]] &&
        [[ $(ask admin 'SHOW TABLES FROM kafka.live') == orders ]] && [[ $(ask ann 'SELECT count(*) FROM iceberg.lab.clicks') == 2 ]]
}

# Plain HTTP stays for the nodes, behind the network policy.
with_a_certificate_clients_talk_https() {
    local port status=0
    port=$(free_port)
    make_certificates trino && in_lakehouse create secret generic trino-tls --from-file="$work/tls" && install_trino --set tls.secret=trino-tls &&
        grep -A 6 '^  ingress:' "$work/trino.yaml" | grep -q 'port: https' || return
    forward lakehouse service/trino "$port:8443"
    eventually 60 encrypted "$port" /v1/info && encrypted "$port" /v1/statement --data 'SELECT 1' --header 'X-Trino-User: ann' && grep nextUri "$work/said" || status=1
    # Who does not know the authority goes away.
    if curl -sS "https://localhost:$port/v1/info"; then status=1; fi
    kill "$forwarder"
    return "$status"
}
encrypted() { curl -sS --fail --cacert "$work/tls/ca.crt" --connect-to "trino:8443:127.0.0.1:$1" "https://trino:8443$2" "${@:3}" >"$work/said"; }

# Each goes on where the one before ended.
chained=yes
need_packages curl:curl openssl:openssl python3:python3
need_nodes 1
ensure_agent
say 'starting a node'
up "$work/first"
run_tests "$@"

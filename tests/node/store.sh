#!/usr/bin/env bash
# The object store, Kafka and the table catalog as pods of the level restricted, from images that registry packages were packed into:
# what the lakehouse stands on, without the agent. Each test is a function whose name is its sentence; each goes on where the one
# before ended.
#
#   tests/node/store.sh
set -euo pipefail
readonly all=(
    the_images_of_others_packed_again_have_the_same_bytes
    store_kafka_and_catalog_get_ready_under_the_level_restricted
    buckets_and_their_rules_are_there
    an_account_may_do_its_own_and_nothing_else
    topics_are_as_the_values_say
    other_values_change_topics_and_nothing_else
    fewer_partitions_are_refused_aloud
    the_producer_fills_a_topic_to_the_event
    the_broker_tells_prometheus_what_came_in
    a_table_of_a_layer_lies_in_its_bucket
    killed_pods_come_back_with_their_data
    jobs_run_again_change_nothing
    with_a_certificate_all_talk_to_kafka_by_tls_alone
    another_store_is_named_and_none_is_run
)
# shellcheck source=tests/node/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

readonly images=(minio kafka iceberg-catalog)
in_lakehouse() { kube --namespace lakehouse "$@"; }

# chart NAME [FLAG OF 'mooring template']...
chart() { (cd "$CHECKOUT" && "$MOORING_BIN" template "$1" "components/$1" --namespace lakehouse "${@:2}"); }

# install NAME [FLAG]...: rendered once into a file: what is made up would be new at each rendering.
install() { chart "$@" >"$work/$1.yaml" && in_lakehouse apply --server-side --filename "$work/$1.yaml"; }

# done_job PREFIX: the Job of that name and of the rendering in $work ran to its end.
done_job() {
    local name
    name=$(grep -o "name: $2-[0-9a-f]\{8\}\$" "$work/$1.yaml" | head -n 1) && in_lakehouse wait "job/${name#name: }" --for=condition=Complete --timeout="${3:-180}s"
}

# mc ARGUMENT...: in the server's own pod, with the keys of the account $as.
mc() {
    local user password
    user=$(secret "$as" user) && password=$(secret "$as" password) &&
        in_lakehouse exec --stdin minio-0 -- env MC_CONFIG_DIR=/tmp/mc-test "MC_HOST_store=http://$user:$password@127.0.0.1:9000" mc "$@"
}

# secret ACCOUNT KEY
secret() { in_lakehouse get secret "minio-$1" -o "jsonpath={.data.$2}" | base64 -d; }

# kafka TOOL ARGUMENT...
kafka() {
    in_lakehouse exec kafka-0 -- env KAFKA_HEAP_OPTS=-Xmx128m LOG_DIR=/tmp KAFKA_LOG4J_OPTS= "/opt/kafka/bin/kafka-$1.sh" --bootstrap-server kafka:9092 "${@:2}"
}

# catalog METHOD PATH [BODY]: through the API server.
catalog() {
    local port forwarder status=0
    port=$(free_port)
    forward lakehouse service/iceberg-catalog "$port:8181"
    eventually 30 answers "$port" /v1/config && curl -sS --fail-with-body -X "$1" -H 'Content-Type: application/json' ${3:+--data "$3"} "http://127.0.0.1:$port$2" || status=1
    kill "$forwarder"
    return "$status"
}

answers() { [[ $(http_status "$1" "$2") == 200 ]]; }

the_images_of_others_packed_again_have_the_same_bytes() {
    local name archive before
    for name in "${images[@]}"; do
        archive=$("$CHECKOUT/bootstrap/image/build.sh" "$name" --engine none) && before=$(sha256sum <"$archive") || return
        mv "$archive" "$work/before.tar"
        archive=$("$CHECKOUT/bootstrap/image/build.sh" "$name" --engine none) && [[ $(sha256sum <"$archive") == "$before" ]] || return
        echo "$name: $(stat -c %s "$archive") bytes"
        rm "$work/before.tar"
        cluster load --dir "$work/first" "$archive" || return
    done
    archive=$("$CHECKOUT/bootstrap/image/build.sh" producer --engine none) && cluster load --dir "$work/first" "$archive"
}

store_kafka_and_catalog_get_ready_under_the_level_restricted() {
    kube create namespace lakehouse && kube label namespace lakehouse pod-security.kubernetes.io/enforce=restricted &&
        install minio && install kafka --set broker.heap=512m && install iceberg-catalog &&
        in_lakehouse rollout status statefulset/minio --timeout=120s && in_lakehouse rollout status statefulset/kafka --timeout=180s &&
        in_lakehouse rollout status deployment/iceberg-catalog --timeout=180s && done_job minio minio-setup && done_job kafka kafka-topics
}

buckets_and_their_rules_are_there() {
    as=root
    [[ $(mc ls store | awk '{ print $NF }' | sort | tr '\n' ' ') == 'bronze/ gold/ silver/ warehouse/ ' ]] &&
        mc ilm rule export store/warehouse | grep -q '"Prefix": *"tmp/"' && ! mc ilm rule export store/gold | grep -q Prefix &&
        in_lakehouse get --raw /api/v1/namespaces/lakehouse/services/minio:9000/proxy/minio/v2/metrics/cluster | grep -q '^minio_'
}

an_account_may_do_its_own_and_nothing_else() {
    as=spark
    echo one | mc pipe store/gold/dir/one && [[ $(mc cat store/gold/dir/one) == one ]] && echo two | mc pipe store/bronze/two && mc rm store/bronze/two &&
        ! mc rb --force store/bronze && ! mc mb store/more && ! mc admin user list store && ! mc ilm rule add --expire-days 1 store/gold || return
    as=trino
    [[ $(mc cat store/gold/dir/one) == one ]] && ! echo other | mc pipe store/gold/dir/one && ! mc rm store/gold/dir/one &&
        echo mine | mc pipe store/warehouse/mine && mc rm store/warehouse/mine || return
    as=root
    [[ $(mc cat store/gold/dir/one) == one ]]
}

# topic NAME: its partitions and its own settings.
topic() {
    kafka topics --describe --topic "$1" | sed -n 's/.*PartitionCount: \([0-9]*\).*/\1/p'
    kafka configs --describe --entity-type topics --entity-name "$1" | sed -n 's/^ *\([a-z.]*=[^ ]*\) sensitive=.*/\1/p' | sort
}

topics_are_as_the_values_say() {
    [[ $(kafka topics --list | grep -v ^__ | sort | tr '\n' ' ') == 'clicks customers devices mooring.windows orders products sensors ' ]] &&
        [[ $(topic mooring.windows) == $'1\ncleanup.policy=compact' ]] && [[ $(topic orders) == $'3\nretention.ms=259200000' ]]
}

# A setting that is changed, one that is new, one that is taken out, and partitions.
readonly others=(--set 'broker.heap=512m,topics.clicks.partitions=5' --set-string 'topics.orders.config.retention\.ms=3600000'
    --set-string 'topics.orders.config.cleanup\.policy=compact\,delete' --set 'topics.sensors.config=null')
other_values_change_topics_and_nothing_else() {
    install kafka "${others[@]}" && done_job kafka kafka-topics &&
        [[ $(topic orders) == $'3\ncleanup.policy=compact,delete\nretention.ms=3600000' ]] && [[ $(topic clicks) == $'5\nretention.ms=86400000' ]] &&
        [[ $(topic sensors) == 3 ]] && [[ $(in_lakehouse get pod kafka-0 -o 'jsonpath={.status.containerStatuses[0].restartCount}') == 0 ]] &&
        job_says kafka kafka-topics >"$work/said" && cat "$work/said" && ! grep -q 'customers\|devices\|products\|windows' "$work/said"
}

# job_says CHART PREFIX
job_says() {
    local name
    name=$(grep -o "name: $2-[0-9a-f]\{8\}\$" "$work/$1.yaml" | head -n 1) && in_lakehouse logs "job/${name#name: }"
}

fewer_partitions_are_refused_aloud() {
    chart kafka "${others[@]}" --set topics.clicks.partitions=1 >"$work/fewer.yaml" && in_lakehouse apply --server-side -f "$work/fewer.yaml" || return
    local name
    name=$(grep -o 'name: kafka-topics-[0-9a-f]\{8\}$' "$work/fewer.yaml")
    eventually 60 refuses "job/${name#name: }" && [[ $(topic clicks) == $'5\nretention.ms=86400000' ]] && in_lakehouse delete "job/${name#name: }" &&
        in_lakehouse apply --server-side -f "$work/kafka.yaml" >/dev/null
}

refuses() { in_lakehouse logs "$1" | grep 'the topic clicks has 5 partitions, and Kafka cannot take any away: 1 are wanted'; }

# events TOPIC [FLAG]...: by the offsets of its partitions.
events() { kafka get-offsets --topic "$1" "${@:2}" | awk -F: '{ sum += $3 } END { print sum + 0 }'; }

the_producer_fills_a_topic_to_the_event() {
    in_lakehouse apply -f "$here/producer.yaml" && in_lakehouse wait job/fill --for=condition=Complete --timeout=90s || return
    in_lakehouse logs job/fill | tail -n 5
    records=$(in_lakehouse logs job/fill | grep -o '"records": *[0-9]*' | head -n 1 | grep -o '[0-9]*$')
    ((records > 1000)) && [[ $(events orders) == "$records" ]] && [[ $(events mooring.windows) == 1 ]]
}

# Port 9404 is asked through the API server.
the_broker_tells_prometheus_what_came_in() {
    in_lakehouse get --raw /api/v1/namespaces/lakehouse/pods/kafka-0:9404/proxy/metrics >"$work/metrics" && grep -c '^kafka_' "$work/metrics" || return
    grep '_messagesin_total{topic="orders"' "$work/metrics"
    awk -v wanted="$records" '/^kafka_server_brokertopicmetrics_messagesin_total\{topic="orders"/ { found = $2 == wanted } END { exit !found }' "$work/metrics" &&
        grep -qx 'kafka_server_replicamanager_underreplicatedpartitions 0.0' "$work/metrics"
}

# The fixture itself places tables below its warehouse alone: engines name the place, which the namespace says.
a_table_of_a_layer_lies_in_its_bucket() {
    local schema='{"type":"struct","schema-id":0,"fields":[{"id":1,"name":"id","required":true,"type":"long"}]}'
    catalog GET /v1/config && catalog POST /v1/namespaces '{"namespace":["gold"],"properties":{"location":"s3://gold/"}}' &&
        catalog GET /v1/namespaces/gold | grep -q '"location":"s3://gold/"' &&
        catalog POST /v1/namespaces/gold/tables "{\"name\":\"revenue\",\"location\":\"s3://gold/revenue\",\"schema\":$schema}" >"$work/said" || return
    cut -c 1-200 "$work/said"
    grep -q '"metadata-location":"s3://gold/revenue/metadata/' "$work/said" || return
    as=trino
    mc ls --recursive store/gold/revenue | grep -q 'metadata/.*\.metadata\.json'
}

# As the kernel kills: without a word.
killed_pods_come_back_with_their_data() {
    local pod process
    for pod in minio-0 kafka-0 "$(in_lakehouse get pods -l app.kubernetes.io/name=iceberg-catalog -o 'jsonpath={.items[0].metadata.name}')"; do
        process=$(pod_process "$pod") && kill -KILL "$process" && eventually 120 started_again "$pod" || return
    done
    [[ $(events orders) == "$records" ]] && catalog GET /v1/namespaces/gold/tables/revenue >/dev/null || return
    as=spark
    [[ $(mc cat store/gold/dir/one) == one ]] && in_lakehouse delete pod minio-0 kafka-0 --wait=true && in_lakehouse rollout status statefulset/kafka --timeout=120s &&
        in_lakehouse rollout status statefulset/minio --timeout=60s && [[ $(events orders) == "$records" ]] && [[ $(mc cat store/gold/dir/one) == one ]]
}

# pod_process POD: its container's, which is not the one that holds the pod's namespaces, as this machine sees it.
pod_process() {
    local uid process words
    uid=$(in_lakehouse get pod "$1" -o 'jsonpath={.metadata.uid}')
    for process in /proc/[0-9]*; do
        grep -q "pod${uid//-/[-_]}" "$process/cgroup" 2>/dev/null || continue
        words=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) || continue
        if [[ $words == 'minio server '* || $words == *java' '* ]]; then
            printf '%s' "${process#/proc/}"
            return
        fi
    done
    return 1
}

started_again() {
    [[ $(in_lakehouse get pod "$1" -o 'jsonpath={.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}') == '1 true' ]]
}

jobs_run_again_change_nothing() {
    in_lakehouse delete jobs --all && in_lakehouse apply --server-side -f "$work/minio.yaml" -f "$work/kafka.yaml" >/dev/null &&
        done_job minio minio-setup && done_job kafka kafka-topics && job_says kafka kafka-topics >"$work/said" && cat "$work/said" &&
        [[ $(tail -n 1 "$work/said") == '7 topics are as the values say' ]] && ! grep -e '-config\|->\|Created' "$work/said" || return
    as=spark
    [[ $(mc cat store/gold/dir/one) == one ]]
}

# A producer as an environment has it, with its login by a Secret; the CronJob is suspended, and its Job is made by hand.
with_a_certificate_all_talk_to_kafka_by_tls_alone() {
    local before job tls=(--command-config /run/tls/client.properties)
    job=tls-$(($(date +%s) / 60))
    make_certificates kafka '*.kafka-headless.lakehouse.svc.cluster.local' && printf '%s\n' security.protocol=SSL ssl.ca.location=/etc/mooring/kafka/ca.crt >"$work/librdkafka.properties" &&
        in_lakehouse create secret generic kafka-tls --from-file="$work/tls" &&
        in_lakehouse create secret generic kafka-client --from-file="$work/librdkafka.properties" --from-file="$work/tls/ca.crt" &&
        before=$(events sensors) && install kafka "${others[@]}" --set tls.secret=kafka-tls &&
        in_lakehouse rollout status statefulset/kafka --timeout=180s && done_job kafka kafka-topics || return
    ! timeout 15 "$CLUSTER_BIN/kubectl" --kubeconfig "$work/first/kubeconfig" --namespace lakehouse exec kafka-0 -- /opt/kafka/bin/kafka-topics.sh --bootstrap-server kafka:9092 --list &&
        kafka topics "${tls[@]}" --list | grep -x orders || return
    mkdir -p "$work/lab/environments/tls" && cat >"$work/lab/environments/tls/environment.yaml" <<'END'
apiVersion: mooring.dev/v1alpha1
kind: Environment
metadata: {name: tls}
spec:
  namespace: lakehouse
  producers:
    - {name: tls, schedule: "* * * * *", dataset: sensors, topic: sensors, eventsPerSecond: 5, secret: kafka-client, suspend: true}
END
    (cd "$work/lab" && "$MOORING_BIN" render tls producers) | in_lakehouse apply -f - && in_lakehouse create job "$job" --from=cronjob/tls &&
        in_lakehouse wait "job/$job" --for=condition=Complete --timeout=120s && (($(events sensors "${tls[@]}") > before))
}

another_store_is_named_and_none_is_run() {
    chart minio --set endpoint=https://s3.example.org --set 'accounts[0].name=spark,accounts[0].user=key,accounts[0].password=a-long-secret' >"$work/other.yaml" &&
        [[ $(grep '^kind:' "$work/other.yaml") == 'kind: Secret' ]] && grep -q 'name: minio-spark' "$work/other.yaml"
}

# Each goes on where the one before ended.
chained=yes
need_packages curl:curl openssl:openssl
start_nodes
ensure_agent
run_tests "$@"

#!/usr/bin/env bash
# A real Kafka on loopback for as long as standard input is open: prints its address when it has started, and leaves
# nothing behind, however who started it ended. KAFKA_JAVA are options of Java's (default: little memory, quick start).
# With KAFKA_LOGIN=USER:PASSWORD and KAFKA_CERTIFICATES=FOLDER it also listens with TLS and SASL PLAIN, and prints that
# address, too: the folder then has ca.crt, which the broker's certificate is signed with, and stranger.crt, which it is not.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/../../../bootstrap/lib.sh"

[[ -z ${KAFKA_LOGIN:-} ]] || need_packages openssl
jars=$("$here/fetch.sh")
read -ra java <<<"${KAFKA_JAVA:--Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1}"
folder=$(mktemp -d)
pid=''
clean_up() {
    if [[ -n $pid ]]; then
        # Its data goes with it: there is nothing to be written first.
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    rm -rf -- "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

broker=$(free_port)
controller=$broker
while [[ $controller == "$broker" ]]; do controller=$(free_port); done
listeners=PLAINTEXT://127.0.0.1:$broker
secure=''
if [[ -n ${KAFKA_LOGIN:-} ]]; then
    port=$broker
    while [[ $port == "$broker" || $port == "$controller" ]]; do port=$(free_port); done
    # By name: who connects checks that the certificate is for it.
    secure=localhost:$port
    listeners+=,SASL_SSL://localhost:$port
fi
cat >"$folder/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=$listeners,CONTROLLER://127.0.0.1:$controller
advertised.listeners=$listeners
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL
controller.listener.names=CONTROLLER
log.dirs=$folder/data
num.partitions=3
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
END
certify() {
    local new=(openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2)
    "${new[@]}" -x509 -subj /CN=ca -keyout "$folder/ca.key" -out "$KAFKA_CERTIFICATES/ca.crt"
    "${new[@]}" -x509 -subj /CN=stranger -keyout "$folder/stranger.key" -out "$KAFKA_CERTIFICATES/stranger.crt"
    "${new[@]}" -subj /CN=localhost -keyout "$folder/broker.key" -out "$folder/broker.csr"
    printf 'subjectAltName=DNS:localhost\n' >"$folder/names"
    openssl x509 -req -in "$folder/broker.csr" -CA "$KAFKA_CERTIFICATES/ca.crt" -CAkey "$folder/ca.key" -CAcreateserial \
        -CAserial "$folder/serial" -days 2 -extfile "$folder/names" -out "$folder/broker.crt"
    cat "$folder/broker.key" "$folder/broker.crt" >"$folder/broker.pem"
}
if [[ -n $secure ]]; then
    certify >"$folder/log" 2>&1 || {
        cat "$folder/log" >&2
        fail "failed to make the broker's certificate"
    }
    cat >>"$folder/server.properties" <<END
ssl.keystore.type=PEM
ssl.keystore.location=$folder/broker.pem
sasl.enabled.mechanisms=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_${KAFKA_LOGIN%%:*}="${KAFKA_LOGIN#*:}";
END
fi
run_java() { exec java "${java[@]}" -Dorg.apache.logging.log4j.level=INFO -cp "$jars/*" "$@"; }
(run_java kafka.tools.StorageTool format -t bW9vcmluZy10ZXN0cy0wMQ -c "$folder/server.properties") >"$folder/log" 2>&1 || {
    cat "$folder/log" >&2
    fail "failed to format the broker's folder"
}
run_java kafka.Kafka "$folder/server.properties" >"$folder/log" 2>&1 </dev/null &
pid=$!
tries=0
until grep -q 'Kafka Server started' "$folder/log"; do
    if ((tries++ > 600)) || ! kill -0 "$pid" 2>/dev/null; then
        tail -n 40 "$folder/log" >&2
        fail "Kafka did not start"
    fi
    sleep 0.1
done
printf '%s\n' "127.0.0.1:$broker${secure:+ $secure}"
cat >/dev/null

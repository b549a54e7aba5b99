#!/usr/bin/env bash
# A real Kafka on loopback for as long as standard input is open: prints its address when it has started, and leaves
# nothing behind, however who started it ended. KAFKA_JAVA are options of Java's (default: little memory, quick start).
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/../../../bootstrap/lib.sh"

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
cat >"$folder/server.properties" <<END
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$broker,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$broker
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
printf '127.0.0.1:%s\n' "$broker"
cat >/dev/null

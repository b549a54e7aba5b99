#!/usr/bin/env bash
# mooring-producer beside kafka-producer-perf-test: one broker, the same events, acks and compression, taking turns.
#
# Usage: tests/producer/kafka/bench.sh MOORING_PRODUCER [SECONDS_OF_WINDOW [ROUNDS]]
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/../../../bootstrap/lib.sh"

producer=${1:?the program to measure}
seconds=${2:-10}
rate=100000
codec=lz4
rounds=${3:-3}
jars=$("$here/fetch.sh")

folder=$(mktemp -d)
clean_up() {
    # The broker ends when its standard input does.
    if [[ -n ${BROKER_PID:-} ]]; then
        local input=${BROKER[1]}
        exec {input}>&-
        wait "$BROKER_PID" 2>/dev/null || true
    fi
    rm -rf -- "$folder"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
coproc BROKER { KAFKA_JAVA='-Xmx1g' exec "$here/broker.sh"; }
read -r -t 120 servers <&"${BROKER[0]}" || fail "Kafka did not start"

window() { printf '2026-03-02T10:%02d:00Z/2026-03-02T10:%02d:%02dZ' "$1" "$1" "$seconds"; }

# The other program knows neither keys nor headers: its payload is the events of a second with theirs in front, so that a
# record has as many bytes, and they compress as well.
"$producer" --dataset orders --window 2026-03-02T10:00:00Z/2026-03-02T10:00:01Z --rate "$rate" --fast 2>/dev/null |
    sed "s|^\(.*\"customer_id\":\([0-9]*\),.*\)$|datasetorderswindow$(window 1)seed0\2\1|" >"$folder/events"
bytes=$(($(wc -c <"$folder/events") / $(wc -l <"$folder/events") - 1))
records=$("$producer" --dataset orders --window "$(window 1)" --rate "$rate" --dry-run -o json | tail -n 1 |
    sed 's/.*"records":\([0-9]*\).*/\1/')
ticks=$(getconf CLK_TCK)

# watched PID: MiB resident at most, and nanoseconds of CPU for each record, as long as it runs.
watched() {
    local pid=$1 peak=0 cpu=0 now fields
    while now=$(sed -n 's/^VmHWM:[[:space:]]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null) && [[ -n $now ]]; do
        peak=$now
        # After the name, which is in brackets: the twelfth and thirteenth field are the time in the program and for it.
        read -r -a fields <<<"$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null)" || true
        if ((${#fields[@]} > 12)); then cpu=$((fields[11] + fields[12])); fi
        sleep 0.1
    done
    printf '%d %d' "$((peak / 1024))" "$((cpu * 1000000000 / ticks / records))"
}

# ours TOPIC MINUTE [ARGUMENT...]: records a second, and what is watched.
ours() {
    local topic=$1 minute=$2 pid began ended watched
    shift 2
    began=$(date +%s%N)
    "$producer" --dataset orders --window "$(window "$minute")" --rate "$rate" --fast --topic "$topic" \
        --bootstrap-servers "$servers" --set compression.codec="$codec" "$@" >/dev/null 2>"$folder/ours.log" &
    pid=$!
    watched=$(watched "$pid")
    wait "$pid" || { cat "$folder/ours.log" >&2; fail "mooring-producer failed"; }
    ended=$(date +%s%N)
    printf '%d %s\n' "$((records * 1000000000 / (ended - began)))" "$watched"
}

# theirs TOPIC [PROPERTY...]: records a second by its own word, without Java's start; and what is watched.
theirs() {
    local topic=$1 pid watched
    shift
    java -Xms256m -Xmx256m -cp "$jars/*" org.apache.kafka.tools.ProducerPerformance --topic "$topic" --num-records "$records" \
        --throughput -1 --payload-file "$folder/events" --producer-props bootstrap.servers="$servers" acks=all \
        enable.idempotence=true compression.type="$codec" "$@" >"$folder/theirs.log" 2>&1 &
    pid=$!
    watched=$(watched "$pid")
    wait "$pid" || { cat "$folder/theirs.log" >&2; fail "kafka-producer-perf-test failed"; }
    printf '%d %s\n' "$(grep -o '[0-9.]* records/sec' "$folder/theirs.log" | tail -n 1 | cut -d. -f1)" "$watched"
}

row() { printf '%-52s %12s %10s %14s\n' "$@"; }

say "$records records of $bytes bytes, $codec, acks=all, idempotent; best of $rounds rounds"
declare -A best=() peak=() least=()
note_best() {
    local name=$1 rate memory cpu
    read -r rate memory cpu
    if ((rate > ${best[$name]:-0})); then best[$name]=$rate; fi
    if ((memory > ${peak[$name]:-0})); then peak[$name]=$memory; fi
    if ((cpu < ${least[$name]:-1000000000})); then least[$name]=$cpu; fi
}
for ((round = 1; round <= rounds; round++)); do
    note_best theirs < <(theirs "theirs$round")
    note_best ours < <(ours "ours$round" "$round")
    note_best tuned < <(theirs "tuned$round" batch.size=1000000 linger.ms=20)
    note_best once < <(ours "once$round" "$round" --exactly-once)
done
row program records/s 'MiB (peak)' 'CPU ns/record'
row 'kafka-producer-perf-test' "${best[theirs]}" "${peak[theirs]}" "${least[theirs]}"
row 'kafka-producer-perf-test, batches as large as ours' "${best[tuned]}" "${peak[tuned]}" "${least[tuned]}"
row 'mooring-producer' "${best[ours]}" "${peak[ours]}" "${least[ours]}"
row 'mooring-producer --exactly-once' "${best[once]}" "${peak[once]}" "${least[once]}"
printf '%d.%02d times, %d.%02d times with batches alike\n' \
    "$((best[ours] / best[theirs]))" "$((best[ours] * 100 / best[theirs] % 100))" \
    "$((best[ours] / best[tuned]))" "$((best[ours] * 100 / best[tuned] % 100))"

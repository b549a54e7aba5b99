#!/usr/bin/env bash
# The tests of the streaming job: pytest with a real Spark, a real Kafka and the real mooring-producer.
#
# Usage: components/spark/tests/run.sh [ARGUMENT OF PYTEST...]
#
# PySpark and the jars come from PyPI and Maven, once for each content of requirements.txt and pom.xml. The producer is
# MOORING_PRODUCER, or is built. `run.sh -k unit` needs neither Kafka nor the producer.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/../../../bootstrap/lib.sh"

need_packages python3:python3 java:openjdk-17-jre-headless flock:util-linux
content=$(cat "$here/requirements.txt" "$here/pom.xml" | sha256sum | cut -c 1-16)
target=$MOORING_CACHE/spark/$content
if [[ ! -e $target/whole ]]; then
    need_packages mvn:maven
    mkdir -p "$target"
    exec 9>"$MOORING_CACHE/spark/lock"
    flock 9
fi
if [[ ! -e $target/whole ]]; then
    say "fetching Spark into the cache (half a GB)" >&2
    log=$MOORING_CACHE/spark/fetch.log
    {
        python3 -m venv --clear "$target/venv" &&
            "$target/venv/bin/pip" install --no-input -r "$here/requirements.txt" &&
            mvn -B -f "$here/pom.xml" dependency:copy -DoutputDirectory="$target/jars"
    } >"$log" 2>&1 </dev/null || {
        tail -n 20 "$log" >&2
        fail "failed to fetch Spark" "The whole output: $log"
    }
    touch "$target/whole"
fi

if [[ -z ${MOORING_PRODUCER:-} ]]; then
    ensure_program mooring-producer >&2
    MOORING_PRODUCER=$PROGRAM
fi
export MOORING_PRODUCER
export LAKEHOUSE_JARS=$target/jars
export PYTHONPATH=$here/.. PYTHONDONTWRITEBYTECODE=1
# Spark would bind to whatever address the machine's name has.
export SPARK_LOCAL_IP=127.0.0.1
exec "$target/venv/bin/python" -m pytest -p no:cacheprovider --rootdir "$here" "$here" "$@"

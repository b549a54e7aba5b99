#!/usr/bin/env bash
# Fetches Kafka's jars once for each content of pom.xml, with Maven as this machine has it configured, and prints the
# folder of the cache that holds them. Java is installed where that can be done without asking.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=bootstrap/lib.sh
. "$here/../../../bootstrap/lib.sh"

need_packages java:openjdk-17-jre-headless flock:util-linux

target=$MOORING_CACHE/kafka/$(sha256sum "$here/pom.xml" | cut -c 1-16)
if [[ ! -d $target ]]; then
    need_packages mvn:maven
    mkdir -p "$MOORING_CACHE/kafka"
    exec 9>"$MOORING_CACHE/kafka/lock"
    flock 9
fi
if [[ ! -d $target ]]; then
    say "fetching Kafka into the cache" >&2
    log=$MOORING_CACHE/kafka/fetch.log
    staging=$(mktemp -d "$MOORING_CACHE/kafka/.fetching.XXXXXX")
    trap 'rm -rf "$staging"' EXIT
    mvn -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$staging/lib" \
        >"$log" 2>&1 </dev/null || {
        tail -n 20 "$log" >&2
        fail "failed to fetch Kafka's jars" "The whole output: $log"
    }
    mv -T "$staging/lib" "$target"
fi
printf '%s\n' "$target"

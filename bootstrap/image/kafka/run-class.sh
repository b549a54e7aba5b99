#!/bin/bash
# A class of Kafka's with the options that Kafka's own scripts take from the environment; each may be several words.
set -eu
# shellcheck disable=SC2086
exec java ${KAFKA_HEAP_OPTS:--Xmx256M} ${KAFKA_JVM_PERFORMANCE_OPTS:--XX:+UseG1GC -XX:MaxGCPauseMillis=20} \
    -Djava.awt.headless=true ${KAFKA_JMX_OPTS:-} -Dkafka.logs.dir="${LOG_DIR:-/opt/kafka/logs}" \
    ${KAFKA_LOG4J_OPTS:--Dlog4j2.configurationFile=/opt/kafka/config/tools-log4j2.yaml} ${KAFKA_OPTS:-} -cp '/opt/kafka/libs/*' "$@"

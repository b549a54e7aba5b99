# shellcheck shell=bash disable=SC2034 # build.sh uses all of it
repository=ghcr.io/mooring-dev/kafka
packages=("${java_packages[@]}" bash coreutils grep sed)
left_out=("${java_left_out[@]}")
options=(--user 1000:1000 --env JAVA_HOME=/opt/java/openjdk --env LANG=C.UTF-8
    --env PATH=/opt/java/openjdk/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --entrypoint /etc/kafka/docker/run)
files() {
    local here=$BOOTSTRAP/image/kafka line
    java_home "$1"
    # Without the last Kafka logs nothing.
    maven "$1/opt/kafka/libs" org.apache.kafka:kafka_2.13:4.3.1 org.apache.kafka:kafka-tools:4.3.1 \
        org.apache.logging.log4j:log4j-slf4j-impl:2.25.4
    maven "$1/opt/kafka/metrics" io.prometheus.jmx:jmx_prometheus_javaagent:1.0.1@jar
    mv "$1"/opt/kafka/metrics/jmx_prometheus_javaagent{-1.0.1,}.jar
    put "$here/run.sh" "$1" etc/kafka/docker/run
    put "$here/run-class.sh" "$1" opt/kafka/bin/kafka-run-class.sh
    while read -r line; do tool "$1" "${line% *}" "${line#* }"; done <<'END'
kafka-topics org.apache.kafka.tools.TopicCommand
kafka-configs kafka.admin.ConfigCommand
kafka-consumer-groups org.apache.kafka.tools.consumer.group.ConsumerGroupCommand
kafka-console-consumer org.apache.kafka.tools.consumer.ConsoleConsumer
kafka-console-producer org.apache.kafka.tools.ConsoleProducer
kafka-get-offsets org.apache.kafka.tools.GetOffsetShell
kafka-metadata-quorum org.apache.kafka.tools.MetadataQuorumCommand
kafka-reassign-partitions org.apache.kafka.tools.reassign.ReassignPartitionsCommand
kafka-storage kafka.tools.StorageTool
END
    for line in etc/kafka/docker opt/kafka/config; do
        install -D -m 644 "$here/log4j2.yaml" "$1/$line/log4j2.yaml"
        install -D -m 644 "$here/tools-log4j2.yaml" "$1/$line/tools-log4j2.yaml"
    done
    # The settings of a node that was given none.
    install -m 644 "$here/server.properties" "$1/etc/kafka/docker/server.properties"
    mkdir -p "$1"/{mnt/shared/config,opt/kafka/logs,var/lib/kafka/data,etc/kafka/secrets}
}

# tool FOLDER NAME CLASS
tool() {
    printf '#!/bin/bash\nexec /opt/kafka/bin/kafka-run-class.sh %s "$@"\n' "$3" >"$1/opt/kafka/bin/$2.sh"
    chmod 755 "$1/opt/kafka/bin/$2.sh"
}

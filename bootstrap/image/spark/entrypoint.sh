#!/bin/bash
# What the official image begins with: an executor, told by Spark's own variables what it is, or any other command as it is.
set -eu
if [[ ${1:-} != executor ]]; then exec "$@"; fi
options=()
while IFS='=' read -r -d '' name value; do
    if [[ $name == SPARK_JAVA_OPT_* ]]; then options+=("$value"); fi
done </proc/self/environ
exec java "${options[@]}" -Xms"$SPARK_EXECUTOR_MEMORY" -Xmx"$SPARK_EXECUTOR_MEMORY" \
    -cp "${SPARK_CONF_DIR:+$SPARK_CONF_DIR:}${SPARK_CLASSPATH:+$SPARK_CLASSPATH:}/opt/spark/jars/*" \
    org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend --driver-url "$SPARK_DRIVER_URL" \
    --executor-id "$SPARK_EXECUTOR_ID" --cores "$SPARK_EXECUTOR_CORES" --app-id "$SPARK_APPLICATION_ID" \
    --hostname "$SPARK_EXECUTOR_POD_IP" --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" --podName "$SPARK_EXECUTOR_POD_NAME"

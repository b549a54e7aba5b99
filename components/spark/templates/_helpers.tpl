{{/* The name of everything in this release: the release's own, with the chart's if it is not in it already. */}}
{{- define "spark.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells this release's pods from all others; it may never change. */}}
{{- define "spark.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "spark.labels" -}}
{{ include "spark.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: lakehouse
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "spark.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end -}}

{{/* Whether the checkpoints are on a volume of ours. */}}
{{- define "spark.claim" -}}
{{- if hasPrefix "/" .Values.checkpoints.path }}yes{{ end -}}
{{- end -}}

{{- define "spark.catalogConf" -}}
{{- $store := .Values.store -}}
{{- $conf := dict "type" "rest" "uri" .Values.catalog.uri "warehouse" .Values.catalog.warehouse -}}
{{- $conf = merge $conf (dict "io-impl" "org.apache.iceberg.aws.s3.S3FileIO" "s3.endpoint" $store.endpoint) -}}
{{- $conf = merge $conf (dict "s3.path-style-access" "true" "client.region" $store.region) -}}
{{- merge (deepCopy .Values.catalog.config) $conf | toJson -}}
{{- end -}}

{{/* Spark's settings. Takes the root, and whether there are executors. */}}
{{- define "spark.conf" -}}
{{- $root := .root -}}
{{- $conf := dict "spark.local.dir" "/tmp/spark" "spark.sql.warehouse.dir" "/tmp/warehouse" -}}
{{- if hasPrefix "s3a://" $root.Values.checkpoints.path -}}
{{- $conf = merge $conf (dict
      "spark.sql.streaming.checkpointFileManagerClass" "org.apache.spark.internal.io.cloud.AbortableStreamBasedCheckpointFileManager"
      "spark.hadoop.fs.s3a.endpoint" $root.Values.store.endpoint
      "spark.hadoop.fs.s3a.endpoint.region" $root.Values.store.region
      "spark.hadoop.fs.s3a.path.style.access" "true"
      "spark.hadoop.fs.s3a.aws.credentials.provider" "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider") -}}
{{- end -}}
{{- if .executors -}}
{{- $secret := $root.Values.store.secret -}}
{{- $conf = merge $conf (dict
      "spark.submit.deployMode" "client"
      "spark.driver.bindAddress" "0.0.0.0"
      "spark.driver.port" "7078"
      "spark.driver.blockManager.port" "7079"
      "spark.blockManager.port" "7079"
      "spark.executor.instances" (toString $root.Values.executor.instances)
      "spark.executor.cores" (toString $root.Values.executor.cores)
      "spark.executor.memory" $root.Values.executor.memory
      "spark.sql.shuffle.partitions" (toString (mul $root.Values.executor.instances $root.Values.executor.cores))
      "spark.kubernetes.namespace" $root.Release.Namespace
      "spark.kubernetes.container.image" (include "spark.image" $root)
      "spark.kubernetes.container.image.pullPolicy" $root.Values.image.pullPolicy
      "spark.kubernetes.executor.podNamePrefix" (include "spark.fullname" $root)
      "spark.kubernetes.executor.podTemplateFile" "/opt/lakehouse/executor/executor.yaml"
      "spark.kubernetes.executor.secretKeyRef.AWS_ACCESS_KEY_ID" (printf "%s:%s" $secret $root.Values.store.userKey)
      "spark.kubernetes.executor.secretKeyRef.AWS_SECRET_ACCESS_KEY" (printf "%s:%s" $secret $root.Values.store.passwordKey)
      "spark.executorEnv.AWS_REGION" $root.Values.store.region) -}}
{{- end -}}
{{- merge (deepCopy $root.Values.sparkConf) $conf | toJson -}}
{{- end -}}

{{/* A pod of the app's. Takes the root, its part, what it is told, its values, whether it has executors. */}}
{{- define "spark.pod" -}}
{{- $root := .root -}}
{{- $name := include "spark.fullname" $root -}}
{{- $stream := eq .part "stream" -}}
metadata:
  labels:
    {{- include "spark.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .part }}
  annotations:
    checksum/app: {{ include (print $root.Template.BasePath "/app.yaml") $root | sha256sum }}
    checksum/settings: {{ include (print $root.Template.BasePath "/settings.yaml") $root | sha256sum }}
spec:
  serviceAccountName: {{ $name }}
  automountServiceAccountToken: {{ .executors }}
  {{- with $root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  enableServiceLinks: false
  # A micro-batch that has begun is ended.
  terminationGracePeriodSeconds: {{ ternary 120 30 $stream }}
  {{- if not $stream }}
  restartPolicy: Never
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 185
    runAsGroup: 185
    fsGroup: 185
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: {{ .part }}
      image: {{ include "spark.image" $root }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      # Python is the first process, so that it is told of the end; it starts the JVM.
      command: [python3, -m, app]
      args: {{ toJson .args }}
      workingDir: /opt/lakehouse
      envFrom:
        - configMapRef:
            name: {{ $name }}-settings
      env:
        - name: LAKEHOUSE_MASTER
          value: {{ ternary "k8s://https://kubernetes.default.svc" (printf "local[%d]" (int (.values.cores | default 2))) .executors | quote }}
        - name: LAKEHOUSE_HEAP
          value: {{ .values.heap | quote }}
        - name: LAKEHOUSE_SPARK_CONF
          value: {{ include "spark.conf" (dict "root" $root "executors" .executors) | quote }}
        {{- if .executors }}
        - name: POD_NAME
          valueFrom:
            fieldRef:
              fieldPath: metadata.name
        - name: POD_IP
          valueFrom:
            fieldRef:
              fieldPath: status.podIP
        {{- end }}
      {{- if $stream }}
      ports:
        - name: http
          containerPort: 4080
      startupProbe:
        httpGet:
          path: /readyz
          port: http
        periodSeconds: 3
        failureThreshold: 100
      livenessProbe:
        httpGet:
          path: /healthz
          port: http
        periodSeconds: 20
        timeoutSeconds: 5
      readinessProbe:
        httpGet:
          path: /readyz
          port: http
        periodSeconds: 10
        timeoutSeconds: 5
      {{- end }}
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: app
          mountPath: /opt/lakehouse/app
          readOnly: true
        - name: store
          mountPath: /run/secrets/store
          readOnly: true
        {{- if $root.Values.kafka.secret }}
        - name: kafka
          mountPath: /run/secrets/kafka
          readOnly: true
        {{- end }}
        - name: tmp
          mountPath: /tmp
        {{- if and $stream (include "spark.claim" $root) }}
        - name: checkpoints
          mountPath: {{ $root.Values.checkpoints.path }}
        {{- end }}
        {{- if .executors }}
        - name: executor
          mountPath: /opt/lakehouse/executor
          readOnly: true
        {{- end }}
  volumes:
    - name: app
      configMap:
        name: {{ $name }}-app
    - name: store
      secret:
        secretName: {{ $root.Values.store.secret }}
        defaultMode: 0440
        items:
          - {key: {{ $root.Values.store.userKey | quote }}, path: access-key}
          - {key: {{ $root.Values.store.passwordKey | quote }}, path: secret-key}
    {{- with $root.Values.kafka.secret }}
    - name: kafka
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    - name: tmp
      emptyDir:
        sizeLimit: 4Gi
    {{- if and $stream (include "spark.claim" $root) }}
    - name: checkpoints
      persistentVolumeClaim:
        claimName: {{ $name }}-checkpoints
    {{- end }}
    {{- if .executors }}
    - name: executor
      configMap:
        name: {{ $name }}-executor
    {{- end }}
  {{- with $root.Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $root.Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* The name of everything in this release: the release's own, with the chart's if it is not in it already. */}}
{{- define "trino.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells this release's pods from all others; it may never change. */}}
{{- define "trino.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "trino.labels" -}}
{{ include "trino.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
app.kubernetes.io/part-of: lakehouse
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "trino.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end -}}

{{- define "trino.jvm" -}}
-server
-Xms{{ . }}
-Xmx{{ . }}
-XX:+UseSerialGC
-XX:TieredStopAtLevel=1
-XX:ReservedCodeCacheSize=192m
-XX:+ExitOnOutOfMemoryError
-XX:-OmitStackTraceInFastThrow
-Djdk.attach.allowAttachSelf=true
-Dfile.encoding=UTF-8
{{- end -}}

{{- define "trino.memory" -}}
query.max-memory={{ .Values.query.maxMemory }}
query.max-memory-per-node={{ .Values.query.maxMemoryPerNode }}
memory.heap-headroom-per-node={{ .Values.query.heapHeadroomPerNode }}
{{- end -}}

{{/* What clients reach: the port's name. */}}
{{- define "trino.clients" -}}
{{ ternary "https" "http" (not (empty .Values.tls.secret)) }}
{{- end -}}

{{/* The pod of a node. Takes the root, the role, its values and its port. */}}
{{- define "trino.pod" -}}
{{- $tls := and (eq .role "coordinator") .root.Values.tls.secret -}}
metadata:
  labels:
    {{- include "trino.labels" .root | nindent 4 }}
    app.kubernetes.io/component: {{ .role }}
  annotations:
    checksum/config: {{ include (print .root.Template.BasePath "/configmap.yaml") .root | sha256sum }}
spec:
  automountServiceAccountToken: false
  enableServiceLinks: false
  securityContext:
    runAsNonRoot: true
    runAsUser: 1000
    runAsGroup: 1000
    fsGroup: 1000
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  {{- if $tls }}
  initContainers:
    # Trino reads the certificate and its key from one file.
    - name: keystore
      image: {{ include "trino.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      command: [bash, -c, "umask 077 && cat /run/secrets/tls/tls.crt /run/secrets/tls/tls.key >/run/tls/keystore.pem"]
      securityContext:
        allowPrivilegeEscalation: false
        capabilities:
          drop: [ALL]
      resources:
        requests:
          cpu: 10m
          memory: 16Mi
        limits:
          memory: 64Mi
      volumeMounts:
        - name: tls
          mountPath: /run/secrets/tls
          readOnly: true
        - name: keystore
          mountPath: /run/tls
  {{- end }}
  containers:
    - name: trino
      image: {{ include "trino.image" .root }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      env:
        - name: AWS_ACCESS_KEY_ID
          valueFrom:
            secretKeyRef:
              name: {{ .root.Values.iceberg.store.secret }}
              key: {{ .root.Values.iceberg.store.userKey }}
        - name: AWS_SECRET_ACCESS_KEY
          valueFrom:
            secretKeyRef:
              name: {{ .root.Values.iceberg.store.secret }}
              key: {{ .root.Values.iceberg.store.passwordKey }}
        {{- if .root.Values.database.enabled }}
        - name: DATABASE_USER
          valueFrom:
            secretKeyRef:
              name: {{ .root.Values.database.secret }}
              key: {{ .root.Values.database.userKey }}
        - name: DATABASE_PASSWORD
          valueFrom:
            secretKeyRef:
              name: {{ .root.Values.database.secret }}
              key: {{ .root.Values.database.passwordKey }}
        {{- end }}
        - name: AWS_REQUEST_CHECKSUM_CALCULATION
          value: when_required
      ports:
        - name: http
          containerPort: 8080
        {{- if $tls }}
        - name: https
          containerPort: 8443
        {{- end }}
      startupProbe:
        httpGet:
          path: /v1/info
          port: http
        periodSeconds: 3
        failureThreshold: 60
      livenessProbe:
        httpGet:
          path: /v1/info
          port: http
        periodSeconds: 20
        failureThreshold: 6
      readinessProbe:
        exec:
          # Says whether it has started, not only whether it listens.
          command: [/usr/lib/trino/bin/health-check]
        periodSeconds: 10
        timeoutSeconds: 5
      securityContext:
        allowPrivilegeEscalation: false
        capabilities:
          drop: [ALL]
      resources:
        {{- toYaml .values.resources | nindent 8 }}
      volumeMounts:
        - name: config
          mountPath: /etc/trino
          readOnly: true
        - name: catalogs
          mountPath: /etc/trino/catalog
          readOnly: true
        {{- if .root.Values.kafka.enabled }}
        - name: topics
          mountPath: /etc/trino/kafka
          readOnly: true
        {{- if .root.Values.kafka.secret }}
        - name: kafka-login
          mountPath: /run/secrets/kafka
          readOnly: true
        {{- end }}
        {{- end }}
        {{- if $tls }}
        - name: keystore
          mountPath: /run/tls
          readOnly: true
        {{- end }}
        - name: data
          mountPath: /data/trino
  volumes:
    - name: config
      configMap:
        name: {{ include "trino.fullname" .root }}-{{ .role }}
    - name: catalogs
      configMap:
        name: {{ include "trino.fullname" .root }}-catalogs
    {{- if .root.Values.kafka.enabled }}
    - name: topics
      configMap:
        name: {{ include "trino.fullname" .root }}-topics
    {{- with .root.Values.kafka.secret }}
    - name: kafka-login
      secret:
        secretName: {{ . }}
        defaultMode: 0440
    {{- end }}
    {{- end }}
    {{- if $tls }}
    - name: tls
      secret:
        secretName: {{ $tls }}
        defaultMode: 0440
    - name: keystore
      emptyDir:
        medium: Memory
    {{- end }}
    - name: data
      emptyDir: {}
  {{- with .root.Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .root.Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

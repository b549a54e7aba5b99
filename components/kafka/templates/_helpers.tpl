{{/* The name of everything in this release: the release's own, with the chart's if it is not in it already. */}}
{{- define "kafka.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells this release's pods from all others; it may never change. */}}
{{- define "kafka.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "kafka.labels" -}}
{{ include "kafka.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: lakehouse
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "kafka.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end -}}

{{- define "kafka.headless" -}}
{{ include "kafka.fullname" . }}-headless
{{- end -}}

{{/* What clients and brokers talk by. Its name is not SSL: the image would ask for keystores of Java's own kind. */}}
{{- define "kafka.listener" -}}
{{ ternary "TLS" "PLAINTEXT" (ne .Values.tls.secret "") }}
{{- end -}}

{{/* Settings of a client's, where there is TLS. */}}
{{- define "kafka.client" -}}
security.protocol=SSL
ssl.truststore.type=PEM
ssl.truststore.location=/run/secrets/tls/ca.crt
{{- end -}}

{{/* The domain that the pods' names are in. */}}
{{- define "kafka.domain" -}}
{{ include "kafka.headless" . }}.{{ .Release.Namespace }}.svc.{{ .Values.clusterDomain }}
{{- end -}}

{{/* 0@kafka-0.DOMAIN:9093,1@kafka-1.DOMAIN:9093 */}}
{{- define "kafka.voters" -}}
{{- $voters := list -}}
{{- range $id := until (int .Values.replicas) -}}
{{- $voters = append $voters (printf "%d@%s-%d.%s:9093" $id (include "kafka.fullname" $) $id (include "kafka.domain" $)) -}}
{{- end -}}
{{- join "," $voters -}}
{{- end -}}

{{/* A setting's name as the image wants it in the environment. */}}
{{- define "kafka.variable" -}}
KAFKA_{{ . | replace "_" "__" | replace "-" "___" | replace "." "_" | upper }}
{{- end -}}

{{/* Copies of a topic, by default: three, or as many as there are nodes. */}}
{{- define "kafka.copies" -}}
{{ min 3 (int .Values.replicas) }}
{{- end -}}

{{- define "kafka.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "kafka.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

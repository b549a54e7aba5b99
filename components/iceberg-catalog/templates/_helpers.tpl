{{/* The name of everything in this release: the release's own, with the chart's if it is not in it already. */}}
{{- define "iceberg-catalog.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells this release's pods from all others; it may never change. */}}
{{- define "iceberg-catalog.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "iceberg-catalog.labels" -}}
{{ include "iceberg-catalog.selector" . }}
app.kubernetes.io/version: {{ ternary .Values.image.tag .Values.lakekeeper.image.tag (eq .Values.backend "fixture") | quote }}
app.kubernetes.io/part-of: lakehouse
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "iceberg-catalog.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end -}}

{{/* The server of PostgreSQL. */}}
{{- define "iceberg-catalog.postgres" -}}
{{ .Values.postgres.host | default (printf "%s-postgres" (include "iceberg-catalog.fullname" .)) }}
{{- end -}}

{{- define "iceberg-catalog.postgresSecret" -}}
{{ .Values.postgres.existingSecret | default (printf "%s-postgres" (include "iceberg-catalog.fullname" .)) }}
{{- end -}}

{{- define "iceberg-catalog.lakekeeperSecret" -}}
{{ .Values.lakekeeper.existingSecret | default (printf "%s-lakekeeper" (include "iceberg-catalog.fullname" .)) }}
{{- end -}}

{{- define "iceberg-catalog.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Of pods whose processes run as that user. */}}
{{- define "iceberg-catalog.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* What Lakekeeper is told of its database. */}}
{{- define "iceberg-catalog.lakekeeperEnv" -}}
- name: LAKEKEEPER__PG_HOST_R
  value: {{ include "iceberg-catalog.postgres" . | quote }}
- name: LAKEKEEPER__PG_HOST_W
  value: {{ include "iceberg-catalog.postgres" . | quote }}
- name: LAKEKEEPER__PG_PORT
  value: {{ .Values.postgres.port | quote }}
- name: LAKEKEEPER__PG_DATABASE
  value: {{ .Values.postgres.database | quote }}
- name: LAKEKEEPER__PG_USER
  value: {{ .Values.postgres.user | quote }}
- name: LAKEKEEPER__PG_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "iceberg-catalog.postgresSecret" . }}
      key: password
- name: LAKEKEEPER__PG_ENCRYPTION_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "iceberg-catalog.lakekeeperSecret" . }}
      key: encryption-key
{{- end -}}

{{- define "iceberg-catalog.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

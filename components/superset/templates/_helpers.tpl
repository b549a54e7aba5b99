{{/* The name of everything in this release: the release's own, with the chart's if it is not in it already. */}}
{{- define "superset.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells this release's pods from all others; it may never change. */}}
{{- define "superset.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "superset.labels" -}}
{{ include "superset.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: lakehouse
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "superset.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end -}}

{{- define "superset.adminSecret" -}}
{{ .Values.admin.existingSecret | default (printf "%s-admin" (include "superset.fullname" .)) }}
{{- end -}}

{{- define "superset.keySecret" -}}
{{ .Values.secretKey.existingSecret | default (printf "%s-key" (include "superset.fullname" .)) }}
{{- end -}}

{{- define "superset.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "superset.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* What every process of Superset's reads: its key, and where its metadata is. */}}
{{- define "superset.env" -}}
- name: SUPERSET_SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ include "superset.keySecret" . }}
      key: secret-key
- name: METADATA_DIGEST
  value: {{ include "superset.metadata" . | quote }}
{{- with .Values.metadata.postgres }}
{{- if .enabled }}
- name: METADATA_HOST
  value: {{ .host | quote }}
- name: METADATA_PORT
  value: {{ .port | quote }}
- name: METADATA_DATABASE
  value: {{ .database | quote }}
- name: METADATA_USER
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .userKey }}
- name: METADATA_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .passwordKey }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The administrator, for who makes or is one. */}}
{{- define "superset.admin" -}}
- name: ADMIN_USER
  valueFrom:
    secretKeyRef:
      name: {{ include "superset.adminSecret" . }}
      key: user
- name: ADMIN_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ include "superset.adminSecret" . }}
      key: password
{{- end -}}

{{- define "superset.mounts" -}}
- name: config
  mountPath: /app/pythonpath
  readOnly: true
- name: home
  mountPath: /app/superset_home
  subPath: home
- name: tmp
  mountPath: /tmp
{{- end -}}

{{/* How it is reached. */}}
{{- define "superset.scheme" -}}
{{ ternary "https" "http" (not (empty .Values.tls.secret)) }}
{{- end -}}

{{- define "superset.placement" -}}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Tells one place of metadata from another: dashboards are imported into each. */}}
{{- define "superset.metadata" -}}
{{ .Values.metadata | toJson | sha256sum | trunc 8 }}
{{- end }}

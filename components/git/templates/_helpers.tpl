{{- define "git.fullname" -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "git.selector" -}}
app.kubernetes.io/name: git
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "git.labels" -}}
{{ include "git.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: remote
{{- end }}

{{- define "git.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "git.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

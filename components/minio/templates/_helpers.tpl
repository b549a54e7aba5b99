{{/* The name of everything in this release: the release's own, with the chart's if it is not in it already. */}}
{{- define "minio.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What tells this release's pods from all others; it may never change. */}}
{{- define "minio.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "minio.labels" -}}
{{ include "minio.selector" . }}
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
app.kubernetes.io/part-of: lakehouse
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "minio.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag }}
{{- end -}}

{{- define "minio.rootSecret" -}}
{{ .Values.root.existingSecret | default (printf "%s-root" (include "minio.fullname" .)) }}
{{- end -}}

{{- define "minio.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "minio.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 1000
runAsGroup: 1000
fsGroup: 1000
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* The policy of an account: [account]. */}}
{{- define "minio.policy" -}}
{{- $statements := list -}}
{{- $objects := dict "read" (list "s3:GetObject") "write" (list "s3:GetObject" "s3:PutObject" "s3:DeleteObject" "s3:AbortMultipartUpload" "s3:ListMultipartUploadParts") -}}
{{- range $right := list "read" "write" -}}
{{- $buckets := list -}}
{{- $contents := list -}}
{{- range (get $ $right) | default list -}}
{{- $buckets = append $buckets (printf "arn:aws:s3:::%s" .) -}}
{{- $contents = append $contents (printf "arn:aws:s3:::%s/*" .) -}}
{{- end -}}
{{- if $buckets -}}
{{- $statements = append $statements (dict "Effect" "Allow" "Action" (list "s3:ListBucket" "s3:GetBucketLocation" "s3:ListBucketMultipartUploads") "Resource" $buckets) -}}
{{- $statements = append $statements (dict "Effect" "Allow" "Action" (get $objects $right) "Resource" $contents) -}}
{{- end -}}
{{- end -}}
{{ dict "Version" "2012-10-17" "Statement" $statements | toJson }}
{{- end -}}

{{/* The lifecycle rules of a bucket. */}}
{{- define "minio.lifecycle" -}}
{{- $rules := list -}}
{{- range .expire -}}
{{- $rules = append $rules (dict "ID" (printf "expire-%s" (.prefix | trimSuffix "/" | replace "/" "-")) "Status" "Enabled" "Filter" (dict "Prefix" .prefix) "Expiration" (dict "Days" .days)) -}}
{{- end -}}
{{ dict "Rules" $rules | toJson }}
{{- end -}}

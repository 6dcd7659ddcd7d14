{{- define "identity-api.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "identity-api.image" -}}
{{ .Values.image.repository }}{{ if .Values.image.digest }}@{{ .Values.image.digest }}{{ else }}:{{ .Values.image.tag | default .Chart.AppVersion }}{{ end }}
{{- end }}

{{- define "identity-api.selector" -}}
app.kubernetes.io/name: identity-api
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "identity-api.labels" -}}
{{ include "identity-api.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{- /* Everything that the pods of all three components have in common. */ -}}
{{- define "identity-api.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "identity-api.container" -}}
image: {{ include "identity-api.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
env:
  - name: IDENTITY_DATABASE_URL
    valueFrom: {secretKeyRef: {name: {{ .Values.existingSecret }}, key: database-url}}
  - name: IDENTITY_REDIS_URL
    valueFrom: {secretKeyRef: {name: {{ .Values.existingSecret }}, key: redis-url}}
  - name: IDENTITY_SECRET_KEYS
    valueFrom: {secretKeyRef: {name: {{ .Values.existingSecret }}, key: secret-keys}}
  - name: IDENTITY_PUBLIC_URL
    value: {{ .Values.publicUrl | quote }}
  - name: IDENTITY_WORKER_METRICS_PORT
    value: {{ .Values.worker.metricsPort | quote }}
  {{- with .Values.trustedProxies }}
  - name: IDENTITY_TRUSTED_PROXIES
    value: {{ . | quote }}
  {{- end }}
  {{- range $name, $value := .Values.settings }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
{{- end }}

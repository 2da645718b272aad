{{- define "stock.name" -}}
{{ .Release.Name }}-stock
{{- end }}

{{- define "stock.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "stock.password" -}}
- name: PGPASSWORD
  valueFrom: {secretKeyRef: {name: {{ include "stock.name" . }}, key: password}}
{{- end }}

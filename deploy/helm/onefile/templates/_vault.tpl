{{/* What every container of the vault may do: nothing beyond running its program. */}}
{{- define "onefile.container" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end }}

{{/* And every pod. */}}
{{- define "onefile.pod" -}}
automountServiceAccountToken: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* The settings of all processes, and in front of them those of one (.own). */}}
{{- define "onefile.environment" -}}
{{ range $name, $value := merge (dict) (.own | default dict) .values.environment -}}
- { name: {{ $name }}, value: {{ $value | quote }} }
{{ end -}}
{{ range .values.secretEnvironment -}}
- name: {{ . }}
  valueFrom: { secretKeyRef: { name: {{ $.values.settingsSecret }}, key: {{ . }} } }
{{ end -}}
{{- end }}

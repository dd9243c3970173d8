{{- define "modelrelease.image" -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}
{{- end -}}

{{- /* Variables of the operator for what was given; it has defaults of its own for the rest. */ -}}
{{- define "modelrelease.settings" -}}
{{- $settings := dict
  "AWS_REGION" .Values.aws.region
  "CLOUDFRONT_ALLOW_ALL" (ternary "true" nil .Values.cloudFront.allowAll)
  "CLOUDFRONT_STORE_PROPAGATION_SECONDS" .Values.cloudFront.storePropagationSeconds
  "CLOUDFRONT_UPDATE_SPACING_SECONDS" .Values.cloudFront.updateSpacingSeconds
  "LOG_LEVEL" .Values.logLevel
  "PROBE_ALLOWED_RANGES" (join "," .Values.probeAllowedRanges)
  "WATCH_NAMESPACES" (join "," .Values.watchNamespaces)
  "WORKERS" .Values.workers
-}}
{{- range $name, $value := $settings }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
- { name: {{ $name }}, value: {{ $value | toString | quote }} }
{{- end }}
{{- end }}
{{- if include "modelrelease.hasAllowList" . }}
- { name: CLOUDFRONT_ALLOW_LIST, value: /etc/modelrelease/allow-list.yaml }
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- /* An empty list is one too: it allows nothing. */ -}}
{{- define "modelrelease.hasAllowList" -}}
{{- if not (kindIs "invalid" .Values.cloudFront.allowList) }}true{{ end -}}
{{- end -}}

{{- define "modelrelease.allowList" -}}
{{ dict "targets" .Values.cloudFront.allowList | toYaml }}
{{- end -}}

{{- /* With a hash, so that another list restarts the operator. */ -}}
{{- define "modelrelease.allowListName" -}}
cloudfront-allow-list-{{ include "modelrelease.allowList" . | sha256sum | trunc 10 }}
{{- end -}}

{{- define "modelrelease.allowListMount" -}}
{{- if include "modelrelease.hasAllowList" . }}
volumeMounts:
  - { name: allow-list, mountPath: /etc/modelrelease, readOnly: true }
{{- end }}
{{- end -}}

{{- define "modelrelease.allowListVolume" -}}
{{- if include "modelrelease.hasAllowList" . }}
volumes:
  - { name: allow-list, configMap: { name: {{ include "modelrelease.allowListName" . }} } }
{{- end }}
{{- end -}}

{{- /* Which settings each credential holds. What a process is given is what security.md allows it: nothing more. */ -}}
{{- define "memwrit.held" -}}
app: [DATABASE_URL, KEYRING_DATABASE_URL]
owner: [DATABASE_OWNER_URL, KEYRING_OWNER_URL]
sequencer: [DATABASE_SEQUENCER_URL]
relay: [DATABASE_RELAY_URL]
eraser: [DATABASE_ERASER_URL, KEYRING_ERASER_URL]
django: [SECRET_KEY]
broker: [BROKER_URL]
cache: [CACHE_URL]
opensearch: [OPENSEARCH_URL]
judge: [JUDGE_API_KEY]
metrics: [METRICS_TOKEN]
telemetry: [OTEL_EXPORTER_OTLP_HEADERS]
backup: [DATABASE_BACKUP_URL, KEYRING_BACKUP_URL]
canary: [CANARY_API_KEY]
{{- end -}}

{{- /* Who is given which credential. Those whose Secret is not named are left out. */ -}}
{{- define "memwrit.given" -}}
api: [app, django, cache, opensearch, metrics, telemetry]
relay: {{ if include "memwrit.broker" . }}[app, relay, broker, metrics, telemetry]{{ else }}[app, relay, eraser, opensearch, judge, metrics, telemetry]{{ end }}
sequencer: [app, sequencer, metrics, telemetry]
upkeep: [app, eraser, opensearch, metrics, telemetry]
worker: [app, eraser, broker, cache, opensearch, metrics, telemetry]
worker-slow: [app, eraser, broker, cache, opensearch, judge, metrics, telemetry]
migrate: [app, owner]
template: [app, opensearch]
check: [app, owner, sequencer, relay, eraser, django, broker, opensearch, judge]
parity: [app, eraser, opensearch]
backup: [backup]
canary: [canary]
{{- end -}}

{{- /* The credentials of one process, as a list in YAML. Takes (list root process). */ -}}
{{- define "memwrit.credentials" -}}
{{- $root := index . 0 -}}
{{- $process := index . 1 -}}
{{- $found := list -}}
{{- range $name := index (include "memwrit.given" $root | fromYaml) $process -}}
{{- $credential := index $root.Values.credentials $name -}}
{{- if $credential.existingSecret -}}
{{- $found = append $found $name -}}
{{- end -}}
{{- end -}}
{{- toYaml $found -}}
{{- end -}}

{{- /* The files of one process's credentials: sources of a projected volume. */ -}}
{{- define "memwrit.files" -}}
{{- $root := index . 0 -}}
{{- $held := include "memwrit.held" $root | fromYaml -}}
{{- range $name := include "memwrit.credentials" . | fromYamlArray }}
{{- $credential := index $root.Values.credentials $name }}
- secret:
    name: {{ $credential.existingSecret }}
    items:
      {{- range $setting := index $held $name }}
      - key: {{ default $setting (index $credential.keys $setting) | quote }}
        path: {{ $setting }}
      {{- end }}
{{- end }}
{{- end -}}

{{- /* NAME_FILE for each setting a process is given as a file. */ -}}
{{- define "memwrit.fileSettings" -}}
{{- $held := include "memwrit.held" (index . 0) | fromYaml -}}
{{- range $name := include "memwrit.credentials" . | fromYamlArray }}
{{- range $setting := index $held $name }}
- name: {{ $setting }}_FILE
  value: /run/secrets/memwrit/{{ $setting }}
{{- end }}
{{- end }}
{{- end -}}

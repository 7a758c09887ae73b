{{- define "memwrit.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "memwrit.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains (include "memwrit.name" .) .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "memwrit.name" .) | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* What pods are selected by. It never changes, or an upgrade is refused. Takes (list root component). */ -}}
{{- define "memwrit.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "memwrit.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "memwrit.labels" -}}
{{- $root := index . 0 -}}
{{ include "memwrit.selector" . }}
app.kubernetes.io/part-of: memwrit
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "memwrit.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ default $.Chart.AppVersion .tag }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "memwrit.broker" -}}
{{- if .Values.credentials.broker.existingSecret -}}true{{- end -}}
{{- end -}}

{{- define "memwrit.engine" -}}
{{- default "postgres" (index .Values.settings "SEARCH_ENGINE") -}}
{{- end -}}

{{- /* Names the server answers to: its Service's, those it is published under, and `localhost`, which the probes say. */ -}}
{{- define "memwrit.hosts" -}}
{{- $service := include "memwrit.fullname" . -}}
{{- $hosts := list "localhost" "127.0.0.1" $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace) (printf "%s.%s.svc.cluster.local" $service .Release.Namespace) -}}
{{- if .Values.ingress.enabled }}{{ $hosts = append $hosts .Values.ingress.host }}{{ end -}}
{{- if .Values.httpRoute.enabled }}{{ $hosts = concat $hosts .Values.httpRoute.hostnames }}{{ end -}}
{{- concat $hosts .Values.extraHosts | uniq | join "," -}}
{{- end -}}

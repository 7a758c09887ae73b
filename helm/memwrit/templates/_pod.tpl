{{- /* What is wrong with the values taken together; the schema sees each alone. */ -}}
{{- define "memwrit.demands" -}}
{{- if and .Values.ingress.enabled .Values.httpRoute.enabled }}{{ fail "ingress and httpRoute are both enabled: choose one" }}{{ end -}}
{{- range $queue, $given := .Values.worker.queues -}}
{{- if and $given.autoscaling.enabled $given.keda.enabled }}{{ fail (printf "worker.queues.%s: autoscaling and keda are both enabled, and would undo each other: choose one" $queue) }}{{ end -}}
{{- end -}}
{{- if and (eq (include "memwrit.engine" .) "opensearch") (not .Values.credentials.opensearch.existingSecret) }}{{ fail "settings.SEARCH_ENGINE is opensearch: credentials.opensearch.existingSecret is needed" }}{{ end -}}
{{- if and .Values.cron.backup.enabled (not (and .Values.credentials.backup.existingSecret .Values.cron.backup.existingClaim)) }}{{ fail "cron.backup is enabled: credentials.backup.existingSecret and cron.backup.existingClaim are needed" }}{{ end -}}
{{- if and .Values.externalSecrets.enabled (not .Values.externalSecrets.store.name) }}{{ fail "externalSecrets.store.name is needed" }}{{ end -}}
{{- if lt (int .Values.api.terminationGracePeriodSeconds) (add (int .Values.api.drainSeconds) 21 | int) }}{{ fail "api.terminationGracePeriodSeconds must be more than api.drainSeconds and 20" }}{{ end -}}
{{- end -}}

{{- /* Settings that are the chart's own: places, and names it knows. */ -}}
{{- define "memwrit.places" -}}
MEMWRIT_DATA: /var/lib/memwrit
KMS: file:/var/lib/memwrit/keys/kms
AUDIT_PIN: file:/var/lib/memwrit/record/pin
ERASURE_LEDGER: file:/var/lib/memwrit/record/erasures
KEYRING_COPIES: file:/var/lib/memwrit/record/copies
PULSE: /run/memwrit/pulse
METRICS_FOLDER: /run/memwrit/metrics
{{- if .Values.metrics.enabled }}
OTEL_METRICS_EXPORTER: {{ ternary "otlp,prometheus" "prometheus" (hasKey .Values.settings "OTEL_EXPORTER_OTLP_ENDPOINT") }}
OTEL_EXPORTER_PROMETHEUS_HOST: 0.0.0.0
OTEL_EXPORTER_PROMETHEUS_PORT: {{ .Values.metrics.port | quote }}
{{- end }}
ALLOWED_HOSTS: {{ include "memwrit.hosts" . | quote }}
{{- end -}}

{{- define "memwrit.settings" -}}
{{- range $name, $value := .Values.settings }}
{{ $name }}: {{ $value | toString | quote }}
{{- end }}
{{ include "memwrit.places" . }}
{{- end -}}

{{- define "memwrit.secure" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- /*
One pod. Takes a dict:
  root, process (of memwrit.given), component (its label), account, args, resources
  ports, startup, liveness, readiness, lifecycle, grace: as in a pod, where there are any
  backups: the claim that backups are written to; state: whether it has the keys and the record; client: whether it is one of the server's and has no settings
  inline: whether its settings stand in it (hooks run before there is a ConfigMap); restart: of a Job's pod
*/ -}}
{{- define "memwrit.pod" -}}
{{- $root := .root -}}
{{- $v := $root.Values -}}
{{- $given := list $root .process -}}
{{- $files := include "memwrit.files" $given -}}
serviceAccountName: {{ .account }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $v.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .restart }}
restartPolicy: {{ . }}
{{- end }}
{{- with .grace }}
terminationGracePeriodSeconds: {{ . }}
{{- end }}
{{- with $v.pod.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $v.pod.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $v.pod.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if and $v.pod.topologySpread.enabled (not .restart) }}
topologySpreadConstraints:
  - maxSkew: {{ $v.pod.topologySpread.maxSkew }}
    topologyKey: {{ $v.pod.topologySpread.topologyKey }}
    whenUnsatisfiable: {{ $v.pod.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels:
        {{- include "memwrit.selector" (list $root .component) | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
    {{- /* A node that is being drained does not count: else what was evicted fits nowhere, and the budget lets no more go. */}}
    nodeTaintsPolicy: Honor
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ $v.pod.userId }}
  runAsGroup: {{ $v.pod.userId }}
  fsGroup: {{ $v.pod.userId }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
containers:
  - name: memwrit
    image: {{ include "memwrit.image" $root | quote }}
    imagePullPolicy: {{ $v.image.pullPolicy }}
    args: {{ toJson .args }}
    securityContext:
      {{- include "memwrit.secure" $root | nindent 6 }}
    {{- if not (or .inline .client) }}
    envFrom:
      - configMapRef: {name: {{ include "memwrit.fullname" $root }}}
    {{- end }}
    env:
      {{- if .inline }}
      {{- range $name, $value := include "memwrit.settings" $root | fromYaml }}
      - name: {{ $name }}
        value: {{ $value | quote }}
      {{- end }}
      {{- end }}
      {{- include "memwrit.fileSettings" $given | trim | nindent 6 }}
    {{- $ports := concat (default list .ports) (ternary (list (dict "name" "metrics" "containerPort" (int $v.metrics.port))) list (and $v.metrics.enabled (not .restart))) }}
    {{- with $ports }}
    ports:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .startup }}
    startupProbe:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .liveness }}
    livenessProbe:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .readiness }}
    readinessProbe:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .lifecycle }}
    lifecycle:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    resources:
      {{- toYaml .resources | nindent 6 }}
    volumeMounts:
      - {name: scratch, mountPath: /tmp, subPath: tmp}
      - {name: scratch, mountPath: /run/memwrit, subPath: run}
      {{- if $files }}
      - {name: credentials, mountPath: /run/secrets/memwrit, readOnly: true}
      {{- end }}
      {{- if and $v.tlsSecret (not .client) }}
      - {name: tls, mountPath: /run/tls, readOnly: true}
      {{- end }}
      {{- if .state }}
      - {name: keys, mountPath: /var/lib/memwrit/keys}
      - {name: record, mountPath: /var/lib/memwrit/record}
      {{- end }}
      {{- if .backups }}
      - {name: backups, mountPath: /var/lib/memwrit/backups}
      {{- end }}
volumes:
  - name: scratch
    emptyDir: {medium: Memory, sizeLimit: {{ $v.pod.scratch }}}
  {{- if $files }}
  - name: credentials
    projected:
      defaultMode: 0440
      sources:
        {{- $files | trim | nindent 8 }}
  {{- end }}
  {{- if and $v.tlsSecret (not .client) }}
  - name: tls
    secret: {secretName: {{ $v.tlsSecret }}, defaultMode: 0440}
  {{- end }}
  {{- if .state }}
  - name: keys
    persistentVolumeClaim: {claimName: {{ include "memwrit.claim" (list $root "keys") }}}
  - name: record
    persistentVolumeClaim: {claimName: {{ include "memwrit.claim" (list $root "record") }}}
  {{- end }}
  {{- with .backups }}
  - name: backups
    persistentVolumeClaim: {claimName: {{ . }}}
  {{- end }}
{{- end -}}

{{- define "memwrit.claim" -}}
{{- $root := index . 0 -}}
{{- default (printf "%s-%s" (include "memwrit.fullname" $root) (index . 1)) (index $root.Values.state (index . 1)).existingClaim -}}
{{- end -}}

{{- /* What changes with the settings, so that pods are exchanged when these change. */ -}}
{{- define "memwrit.checksum" -}}
checksum/settings: {{ include "memwrit.settings" . | sha256sum }}
checksum/credentials: {{ .Values.credentials | toJson | sha256sum }}
{{- end -}}

{{- /* A file that was touched within so many seconds. Takes (list file seconds). */ -}}
{{- define "memwrit.touched" -}}
exec:
  command: ["/bin/sh", "-c", 'test -n "$(find {{ index . 0 }} -newermt "-{{ index . 1 }} seconds")"']
{{- end -}}

{{- /* The three probes of a process without a door. Takes (list file seconds). */ -}}
{{- define "memwrit.heartbeat" -}}
startup:
  exec: {command: ["/usr/bin/test", "-e", "{{ index . 0 }}"]}
  periodSeconds: 2
  failureThreshold: 150
  timeoutSeconds: 5
liveness:
  {{- include "memwrit.touched" . | nindent 2 }}
  periodSeconds: 30
  timeoutSeconds: 5
readiness:
  {{- include "memwrit.touched" . | nindent 2 }}
  periodSeconds: 30
  timeoutSeconds: 5
{{- end -}}

{{- /*
A Deployment. Takes a dict: what memwrit.pod takes, and name, podAnnotations, replicas (none where an autoscaler decides),
strategy.
*/ -}}
{{- define "memwrit.deployment" -}}
{{- $root := .root -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .name }}
  namespace: {{ $root.Release.Namespace }}
  labels:
    {{- include "memwrit.labels" (list $root .component) | nindent 4 }}
spec:
  {{- if not (kindIs "invalid" .replicas) }}
  replicas: {{ .replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  {{- with .strategy }}
  strategy:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  selector:
    matchLabels:
      {{- include "memwrit.selector" (list $root .component) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "memwrit.labels" (list $root .component) | nindent 8 }}
        {{- with $root.Values.pod.labels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        {{- include "memwrit.checksum" $root | nindent 8 }}
        {{- with mustMerge (dict) .podAnnotations $root.Values.pod.annotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "memwrit.pod" . | nindent 6 }}
{{- end -}}

"""Sending to an OpenTelemetry collector, as the standard's own variables say (`OTEL_EXPORTER_OTLP_*`, `OTEL_BSP_*`,
`OTEL_TRACES_SAMPLER`, `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_RESOURCE_ATTRIBUTES`).

Begun in each process after its last fork: the senders' threads do not survive one. What cannot be sent is dropped, and
nobody waits for it.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from typing import Any, cast

from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Counter, Histogram, Meter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from foundation.telemetry import traces
from foundation.telemetry.metrics import Instrument, Kind

SCOPE = "memwrit"
End = Callable[[], None]


def resource(component: str) -> Resource:
    """Who tells: the service, its part, this process. `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` come first."""
    ours = {
        "service.namespace": "memwrit",
        "service.name": os.environ.get("OTEL_SERVICE_NAME") or f"memwrit-{component}",
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
    }
    return Resource(ours).merge(Resource.create()).merge(Resource({"service.name": ours["service.name"]}))


def trace(about: Resource) -> End:
    """Send spans; returns how to end it (what is left is sent first)."""
    provider = TracerProvider(resource=about, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    traces.trace_with(provider.get_tracer(SCOPE))

    def end() -> None:
        traces.trace_with(None)
        provider.shutdown()

    return end


def log(about: Resource) -> tuple[Any, End]:
    """A logger whose records are sent, and how to end it."""
    provider = LoggerProvider(resource=about, shutdown_on_exit=False)
    provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    return provider.get_logger(SCOPE), provider.shutdown


class Metrics:
    """The sink that sends measurements, every `OTEL_METRIC_EXPORT_INTERVAL` milliseconds."""

    def __init__(self, about: Resource) -> None:
        # Exemplars would tie a measurement to a trace: no need, and one thing less that leaves.
        self._provider = MeterProvider(
            [PeriodicExportingMetricReader(OTLPMetricExporter())],
            resource=about,
            shutdown_on_exit=False,
            exemplar_filter=AlwaysOffExemplarFilter(),
        )
        self._meter: Meter = self._provider.get_meter(SCOPE)
        self._made: dict[str, Any] = {}
        self._making = threading.Lock()

    def record(self, instrument: Instrument, value: float, labels: tuple[str, ...]) -> None:
        made = self._made.get(instrument.name) or self._make(instrument)
        attributes = dict(zip(instrument.labels, labels, strict=True))
        if instrument.kind is Kind.COUNTER:
            cast(Counter, made).add(value, attributes)
        elif instrument.kind is Kind.HISTOGRAM:
            cast(Histogram, made).record(value, attributes)
        else:
            made.set(value, attributes)

    def _make(self, instrument: Instrument) -> Any:
        with self._making:
            return self._made.get(instrument.name) or self._made.setdefault(instrument.name, self._new(instrument))

    def _new(self, instrument: Instrument) -> Any:
        name, unit, tells = instrument.name, instrument.unit, instrument.tells
        if instrument.kind is Kind.COUNTER:
            return self._meter.create_counter(name, unit, tells)
        if instrument.kind is Kind.HISTOGRAM:
            bounds = list(instrument.bounds)
            return self._meter.create_histogram(name, unit, tells, explicit_bucket_boundaries_advisory=bounds)
        return self._meter.create_gauge(name, unit, tells)

    def end(self) -> None:
        self._provider.shutdown()

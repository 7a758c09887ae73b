"""A real OTLP receiver: HTTP on a port, protobuf bodies read by OpenTelemetry's own classes. It keeps every byte."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

KINDS: dict[str, tuple[Any, Any]] = {
    "/v1/traces": (ExportTraceServiceRequest, ExportTraceServiceResponse),
    "/v1/metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse),
    "/v1/logs": (ExportLogsServiceRequest, ExportLogsServiceResponse),
}


@dataclass
class Received:
    """All that came: requests as messages, and their bodies unpacked, for whoever looks for text."""

    port: int = 0
    messages: list[Any] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def everything(self) -> bytes:
        return b"\0".join(self.bodies)

    def _of(self, kind: type) -> list[Any]:
        return [each for each in list(self.messages) if isinstance(each, kind)]

    @property
    def spans(self) -> list[Any]:
        asked = self._of(ExportTraceServiceRequest)
        return [span for each in asked for r in each.resource_spans for scope in r.scope_spans for span in scope.spans]

    def services(self) -> dict[bytes, str]:
        """By a span's id, the service that told it."""
        asked = self._of(ExportTraceServiceRequest)
        return {
            span.span_id: next(value(each) for each in r.resource.attributes if each.key == "service.name")
            for one in asked
            for r in one.resource_spans
            for scope in r.scope_spans
            for span in scope.spans
        }

    @property
    def metrics(self) -> list[Any]:
        asked = self._of(ExportMetricsServiceRequest)
        return [m for each in asked for r in each.resource_metrics for scope in r.scope_metrics for m in scope.metrics]

    @property
    def logs(self) -> list[Any]:
        asked = self._of(ExportLogsServiceRequest)
        return [
            one for each in asked for r in each.resource_logs for scope in r.scope_logs for one in scope.log_records
        ]

    def points(self, name: str) -> list[Any]:
        """Data points of the metrics of that name, of whichever kind."""
        found = [each for each in self.metrics if each.name == name]
        return [point for each in found for point in getattr(each, each.WhichOneof("data")).data_points]

    def attributes(self) -> list[tuple[str, str]]:
        """Every attribute of every data point."""
        points = [point for metric in self.metrics for point in self.points(metric.name)]
        return [(each.key, str(value(each))) for point in points for each in point.attributes]

    def await_spans(self, enough: Callable[[list[Any]], bool], within: float = 120.0) -> list[Any]:
        limit = time.monotonic() + within
        while not enough(spans := self.spans):
            assert time.monotonic() < limit, sorted(span.name for span in spans)
            time.sleep(0.05)
        return spans


def value(attribute: Any) -> Any:
    return getattr(attribute.value, attribute.value.WhichOneof("value"))


def told(span: Any) -> dict[str, Any]:
    """A span's attributes."""
    return {each.key: value(each) for each in span.attributes}


@contextmanager
def receiver() -> Iterator[Received]:
    """One receiver on a port of its own."""
    received = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            asked, answer = KINDS[self.path]
            received.bodies.append(body)
            received.messages.append(asked.FromString(body))
            sent = answer().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        def log_message(self, *_: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)

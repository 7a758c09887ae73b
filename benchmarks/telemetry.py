"""What telemetry costs: the same admissions and searches with everything told and with nothing, turn by turn.

`python -m benchmarks telemetry [--pairs N]`: JSON lines on stdout, a table on stderr. Told: every span to a collector
on this machine, every metric to it and to `/metrics`. Both sides of a pair run one after the other on the same
database, so that a busy machine slows both: read the ratios. Text work costs nothing here; with real models the share
is smaller.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.ground import standing_on_a_cluster
from benchmarks.spine import _submissions, _tenant
from benchmarks.telling import Telling

COLLECTOR = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
Act = Callable[[int], Any]


def run(args: list[str]) -> None:
    """Measure on a new cluster."""
    parser = argparse.ArgumentParser(prog="bench telemetry", description=__doc__)
    parser.add_argument("--pairs", type=int, default=300)
    asked = parser.parse_args(args)
    with _collector() as url, tempfile.TemporaryDirectory() as folder:
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = url
        told = {"OTEL_METRICS_EXPORTER": "otlp,prometheus", "METRICS_FOLDER": folder}
        os.environ |= told | {"OTEL_EXPORTER_PROMETHEUS_PORT": "0"}
        with standing_on_a_cluster(EMBEDDER="hash"):
            _measure(asked.pairs)


@contextmanager
def _collector() -> Iterator[str]:
    """Takes everything, in a process of its own."""
    process = subprocess.Popen([sys.executable, "-c", COLLECTOR], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.terminate()
        process.wait()


def _measure(pairs: int) -> None:
    from foundation.kernel.scope import tenant_scope
    from governance.services.admit import admit
    from governance.services.search import Question, search
    from memwrit import telemetry

    tenant, agent, space = _tenant("plain")
    parts = _submissions(space, 2 * pairs + 20)
    telemetry.begin("bench")
    telemetry.start("bench")
    try:
        with tenant_scope(tenant):
            telling = Telling("telemetry")
            _compare(telling, "admission", pairs, lambda number: admit(agent, submission=parts[number]))
            _drain()
            question = Question("the red kettle on the stove")
            _compare(telling, "search", pairs, lambda number: search(agent, question=question))
    finally:
        telemetry.stop()
        telemetry.close()


def _drain() -> None:
    from foundation.kernel.outbox import run_due

    while run_due():
        pass


def _compare(telling: Telling, name: str, pairs: int, act: Act) -> None:
    """Pairs of one told and one untold act, each first in its turn; the first few are not counted."""
    wall: dict[bool, list[float]] = {True: [], False: []}
    processor: dict[bool, list[float]] = {True: [], False: []}
    for number in range(2 * pairs + 20):
        told = (number + number // 2) % 2 == 0
        with _telling(told):
            began, used = time.perf_counter(), time.thread_time()
            act(number)
            if number >= 20:
                wall[told].append((time.perf_counter() - began) * 1000)
                processor[told].append((time.thread_time() - used) * 1000)
    for kind, taken in (("wall", wall), ("processor", processor)):
        off, on = statistics.median(taken[False]), statistics.median(taken[True])
        facts = {"off_ms": round(off, 2), "on_ms": round(on, 2), "ratio": round(on / off, 3), "pairs": pairs}
        telling.tell(f"{name}_{kind}", **facts)


@contextmanager
def _telling(told: bool) -> Iterator[None]:
    """With everything told, or with all of it off, as where no setting asks for it."""
    from foundation.kernel import watching
    from foundation.telemetry import metrics, traces

    kept = traces._tracer, metrics._sinks, watching.watch()
    if not told:
        traces.trace_with(None)
        metrics.sink_into()
        watching.watched_by(watching.Nobody())
    try:
        yield
    finally:
        traces.trace_with(kept[0])
        metrics.sink_into(*kept[1])
        watching.watched_by(kept[2])

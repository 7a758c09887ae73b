"""When and where this process tells of itself: what `OTEL_*` asks for, begun after the last fork.

A main process (gunicorn's, Celery's, `memwrit tick`) calls `begin` once: it serves `/metrics`. Every process that works
calls `start`, and `stop` at its end, which sends what is left. Without those settings both do next to nothing.
"""

from __future__ import annotations

import atexit
import fcntl
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from foundation.kernel import watching
from foundation.telemetry import Where, instruments, metrics

log = logging.getLogger("memwrit.telemetry")
OTLP, PROMETHEUS = "otlp", "prometheus"
End = Callable[[], None]


class _Process:
    """What this process has begun."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.lock: int | None = None
        self.port: int | None = None
        self.started_in = 0
        self.ends: list[End] = []
        self.close: End | None = None


_process = _Process()


def wanted() -> bool:
    """Whether any setting asks for telemetry."""
    asked: frozenset[str] = settings.OTEL_TRACES | settings.OTEL_METRICS | settings.OTEL_LOGS
    return bool(asked) and not settings.OTEL_DISABLED


def begin(component: str) -> int | None:
    """In a main process, before it forks: a folder for the component's counts, and `/metrics` on its port, which is
    returned. None where Prometheus is not asked for, or another component on this machine answers on that port."""
    if PROMETHEUS not in settings.OTEL_METRICS or not wanted() or _process.folder is not None:
        return _process.port
    from foundation.telemetry import prometheus

    parent = Path(settings.METRICS_FOLDER)
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _process.folder = _own(parent, component)
    prometheus.clear(_process.folder)
    _sweep(parent)
    where: dict[str, Any] = {"host": settings.METRICS_HOST, "port": settings.METRICS_PORT}
    try:
        _process.port, _process.close = prometheus.serve(parent, token=settings.METRICS_TOKEN, **where)
    except OSError as error:
        log.info("/metrics is not served from here: %s (another component's tells of all)", type(error).__name__)
    return _process.port


def _sweep(parent: Path) -> None:
    """Remove what main processes left that are no more: nobody adds to it, and it would be told for ever."""
    for folder in parent.iterdir():
        if folder.is_dir() and (lock := _locked(parent, folder.name)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)


def _locked(parent: Path, name: str) -> int | None:
    """The lock of the component of that name, or None while its main process lives."""
    lock = os.open(parent / f".{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock


def _own(parent: Path, component: str) -> Path:
    """A folder of this main process's alone: `web`, or `web-2` beside one that lives. The lock ends with it."""
    number = 1
    while True:
        name = component if number == 1 else f"{component}-{number}"
        _process.lock = _locked(parent, name)
        if _process.lock is not None:
            return parent / name
        number += 1


def start(component: str) -> None:
    """In each process that works, after its last fork. May be called again; the first call counts."""
    if not wanted() or _process.started_in == os.getpid():
        return
    _process.started_in, _process.ends = os.getpid(), []
    sinks: list[metrics.Sink] = []
    if OTLP in settings.OTEL_TRACES | settings.OTEL_METRICS | settings.OTEL_LOGS:
        sinks += _send(component)
    if PROMETHEUS in settings.OTEL_METRICS and _process.folder is not None:
        from foundation.telemetry import prometheus

        try:
            sinks.append(prometheus.Metrics(_process.folder))
        except OSError as error:
            log.error("nothing is counted for /metrics: %s", type(error).__name__)
    metrics.sink_into(*sinks)
    _begin_at_nought()
    from foundation.telemetry.work import Watching

    watching.watched_by(Watching())
    atexit.register(stop)


def _begin_at_nought() -> None:
    """What should stay nought is told as such from the start: an increase of a series that was not there is none."""
    for instrument in (instruments.SEARCH_BLOCKED, instruments.VERIFY_FAILURES):
        for where in Where:
            metrics.record(instrument, 0, where)


def _send(component: str) -> list[metrics.Sink]:
    """Begin to send what `OTEL_*` asks for to the collector."""
    if settings.OTEL_HEADERS:
        os.environ["OTEL_EXPORTER_OTLP_HEADERS"] = settings.OTEL_HEADERS  # may have come from a file
    from foundation.telemetry import otlp

    about = otlp.resource(component)
    if OTLP in settings.OTEL_TRACES:
        _process.ends.append(otlp.trace(about))
    if OTLP in settings.OTEL_LOGS:
        from memwrit.logs import Sent

        logger, end = otlp.log(about)
        _process.ends += [Sent(logger).attach(), end]
    if OTLP not in settings.OTEL_METRICS:
        return []
    sink = otlp.Metrics(about)
    _process.ends.append(sink.end)
    return [sink]


def stop() -> None:
    """Send what is left and tell no more. Never in another process than the one that started."""
    if _process.started_in != os.getpid():
        return
    _process.started_in = 0
    watching.watched_by(watching.Nobody())
    metrics.sink_into()
    ends, _process.ends = _process.ends, []
    for end in ends:
        end()


def close() -> None:
    """A main process's end: `/metrics` is answered no more."""
    shut, _process.close = _process.close, None
    if shut is not None:
        shut()
    if _process.lock is not None:
        os.close(_process.lock)
    _process.folder = _process.lock = _process.port = None


def ended(pid: int) -> None:
    """A process that this one forked is no more."""
    if _process.folder is not None:
        from foundation.telemetry import prometheus

        try:
            prometheus.forget(_process.folder, pid)
        except OSError as error:
            log.warning("what an ended process counted was left as it was: %s", type(error).__name__)

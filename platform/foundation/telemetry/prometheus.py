"""`/metrics` for Prometheus, on a port of its own that serves nothing else.

A component is one main process and those it forks (gunicorn's and Celery's workers). Each process adds to files of its
own in the component's folder; the main process, which handles no request, merges them when it is asked. Where several
components share a machine and a parent folder, whoever serves tells of all of them, by the label `component`.

The files hold names, labels and numbers: what `/metrics` shows.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import shutil
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from foundation.telemetry.metrics import Instrument, Kind

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
LATEST = "livemostrecent"
SPARE = 1 << 16
COUNTED = ("counter", "histogram")
ROOM = {"counter": 1 << 20, "histogram": 4 << 20, f"gauge_{LATEST}": 1 << 20}
"""Bytes of each of a process's files: about four times what every series of ours takes."""
End = Callable[[], None]


def clear(folder: Path) -> None:
    """Make the component's folder, empty: counters begin anew with the main process, as one process's would."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)


def forget(folder: Path, pid: int) -> None:
    """A process of the component has ended: its gauges go; its counts are added to those of others that have, so that
    processes that come and go leave no more files than one."""
    with _alone(folder.parent, fcntl.LOCK_EX):
        (folder / f"gauge_{LATEST}_{pid}.db").unlink(missing_ok=True)
        for kind in COUNTED:
            ended = folder / f"{kind}_{pid}.db"
            if ended.exists():
                _add(ended, folder / f"{kind}_0.db")


def _add(ended: Path, to: Path) -> None:
    """Write the counts of both into the place of the second, and remove the first. Raises `OSError` without room."""
    from prometheus_client.mmap_dict import MmapedDict

    totals: dict[str, float] = defaultdict(float)
    for file in (to, ended):
        if file.exists():
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
                totals[key] += value
    being_written = to.with_suffix(".new")
    being_written.unlink(missing_ok=True)
    _allocate(being_written, sum(_used(file) for file in (to, ended) if file.exists()) + SPARE)
    merged = MmapedDict(str(being_written))  # type: ignore[no-untyped-call]
    for key, value in totals.items():
        merged.write_value(key, value, 0.0)  # type: ignore[no-untyped-call]
    merged.close()  # type: ignore[no-untyped-call]
    being_written.replace(to)
    ended.unlink()


def _used(file: Path) -> int:
    """Bytes that are in use, as the file's head says."""
    with file.open("rb") as opened:
        return int.from_bytes(opened.read(4), sys.byteorder)


@contextmanager
def _alone(parent: Path, how: int) -> Iterator[None]:
    """Nobody reads the files, in whichever process, while two of them become one."""
    lock = os.open(parent / ".merging.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, how)
        yield
    finally:
        os.close(lock)


class Metrics:
    """The sink that adds to this process's files in `folder`. Made after the last fork."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.environ[FOLDER] = str(folder)  # the library reads it for each new file
        import prometheus_client
        from prometheus_client import values

        # By itself the library decides when it is first imported, which may have been before the fork.
        values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
        self._library: Any = prometheus_client
        self._registry = prometheus_client.CollectorRegistry()
        self._made: dict[str, Any] = {}
        self._making = threading.Lock()
        _reserve(folder)

    def record(self, instrument: Instrument, value: float, labels: tuple[str, ...]) -> None:
        made = self._made.get(instrument.name) or self._make(instrument)
        series = made.labels(*labels) if labels else made
        if instrument.kind is Kind.COUNTER:
            series.inc(value)
        elif instrument.kind is Kind.HISTOGRAM:
            series.observe(value)
        else:
            series.set(value)

    def _make(self, instrument: Instrument) -> Any:
        """Made when it is first needed: a gauge that this process never sets is not its to tell."""
        with self._making:
            return self._made.get(instrument.name) or self._made.setdefault(instrument.name, self._new(instrument))

    def _new(self, instrument: Instrument) -> Any:
        names = [label.replace(".", "_") for label in instrument.labels]
        options: dict[str, Any] = {"registry": self._registry}
        kinds = {
            Kind.COUNTER: self._library.Counter,
            Kind.HISTOGRAM: self._library.Histogram,
            Kind.GAUGE: self._library.Gauge,
        }
        if instrument.kind is Kind.HISTOGRAM:
            options["buckets"] = instrument.bounds
        elif instrument.kind is Kind.GAUGE:
            options["multiprocess_mode"] = LATEST
        return kinds[instrument.kind](instrument.prometheus, instrument.tells, names, **options)

    def end(self) -> None:
        """What was counted stays for whoever serves it."""


def _reserve(folder: Path) -> None:
    """Give this process's files their room on the disk now. The library maps files with holes, and to write into a
    hole when the disk is full would end the process; raises `OSError` instead. What is mapped and never used is read
    by nobody."""
    for name, size in ROOM.items():
        _allocate(folder / f"{name}_{os.getpid()}.db", size)


def _allocate(path: Path, size: int) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
    finally:
        os.close(descriptor)


class Components:
    """Merges the files of every component in a parent folder; each sample says whose it is."""

    def __init__(self, parent: Path) -> None:
        self.parent = parent

    def collect(self) -> Iterator[Any]:
        from prometheus_client.metrics_core import Metric
        from prometheus_client.multiprocess import MultiProcessCollector

        families: dict[str, Any] = {}
        with _alone(self.parent, fcntl.LOCK_SH):
            merged = [(folder.name, MultiProcessCollector.merge(files)) for folder, files in self._files()]
        for component, found in merged:
            for metric in found:
                family = families.setdefault(metric.name, Metric(metric.name, metric.documentation, metric.type))
                for sample in metric.samples:
                    family.add_sample(sample.name, sample.labels | {"component": component}, sample.value)
        yield from families.values()

    def _files(self) -> list[tuple[Path, list[str]]]:
        folders = sorted(each for each in self.parent.iterdir() if each.is_dir())
        return [(folder, [str(file) for file in sorted(folder.glob("*.db"))]) for folder in folders]


def serve(parent: Path, *, host: str, port: int, token: str = "") -> tuple[int, End]:
    """Answer `/metrics` on `host:port` from a thread, to whoever brings `token` if there is one. Returns the port
    (another than asked for 0) and how to end it. Raises `OSError` where the address cannot be had."""
    from wsgiref.simple_server import make_server

    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import ThreadingWSGIServer, _SilentHandler, make_wsgi_app

    registry = CollectorRegistry()
    registry.register(Components(parent))  # type: ignore[arg-type]
    application = _guarded(make_wsgi_app(registry), token)
    server = make_server(host, port, application, ThreadingWSGIServer, handler_class=_SilentHandler)
    return _in_a_thread(server)


def _in_a_thread(server: Any) -> tuple[int, End]:
    thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
    thread.start()

    def end() -> None:
        server.shutdown()
        server.server_close()
        thread.join(5.0)

    return int(server.server_port), end


def _guarded(application: Any, token: str) -> Any:
    """Only `/metrics`, only GET, only with the token."""
    expected = f"Bearer {token}".encode()

    def answer(environ: dict[str, Any], start: Any) -> Any:
        if environ.get("PATH_INFO") != "/metrics" or environ.get("REQUEST_METHOD") != "GET":
            return _refused(start, "404 Not Found")
        given = environ.get("HTTP_AUTHORIZATION", "").encode("latin-1", "replace")
        if token and not hmac.compare_digest(given, expected):
            return _refused(start, "401 Unauthorized")
        return application(environ, start)

    return answer


def _refused(start: Any, status: str) -> list[bytes]:
    start(status, [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return []

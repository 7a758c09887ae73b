"""`memwrit serve`: PostgreSQL, migrations, the web server and the worker, on this machine alone.

Order up: database, tables, worker, web. Order down: web, worker, database, so that no request meets a closed door.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from memwrit import web
from memwrit.embedded import attach, tables
from memwrit.embedded.children import bound_to_parent
from memwrit.embedded.postgres import Cluster
from memwrit.embedded.supervisor import Child

HOST = "127.0.0.1"
READY_WITHIN = 120.0


class Stopped(Exception):
    """A signal asked for the end."""


class StartFailed(RuntimeError):
    """The server did not come up; the message says what did not."""


@dataclass(slots=True)
class Server:
    """One embedded server. `cluster` is None where a PostgreSQL was given by DATABASE_URL."""

    port: int
    data: Path
    cluster: Cluster | None
    settings: dict[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        listener = _listen(self.port)
        try:
            with _signals_raise():
                self._up(listener)
                print(f"ready {self.url(listener)}", flush=True)
                self._tend()
        except Stopped:
            pass
        finally:
            _ignore_signals()
            self._down()
            listener.close()

    def url(self, listener: socket.socket) -> str:
        return f"http://{HOST}:{listener.getsockname()[1]}"

    def _up(self, listener: socket.socket) -> None:
        if self.cluster is not None:
            self.settings = self.cluster.start()
        self.settings |= self._kept_settings(self.url(listener))
        self.children = [self._worker(), self._web(listener)]
        worker, served = self.children
        if self.cluster is not None and tables.none_yet(self.settings):
            served.start()  # it loads while the tables are made: before there are any, nobody is served wrongly
            self._migrate()
        else:
            self._migrate()
            served.start()
        worker.start()
        self._await_ready(self.url(listener))

    def _kept_settings(self, url: str) -> dict[str, str]:
        """Settings of this server that outlive it, where the operator gave none."""
        pulse = self.data.resolve() / "pulse.json"
        pulse.unlink(missing_ok=True)
        kept = {"PULSE": str(pulse), "PUBLIC_URL": os.environ.get("PUBLIC_URL") or url}
        if not (os.environ.get("SECRET_KEY") or os.environ.get("SECRET_KEY_FILE")):
            kept["SECRET_KEY"] = _kept_secret(self.data.resolve() / "keys" / "django")
        return kept

    def _migrate(self) -> None:
        """The owners' step, in a process of its own: no lasting process has their passwords."""
        environment = attach.environment(self.settings, attach.WEB | attach.OWNERS)
        if not {"DATABASE_OWNER_URL", "DATABASE_OWNER_URL_FILE"} & set(environment):
            return
        if self.cluster is not None and tables.up_to_date(self.settings):
            return
        command = [sys.executable, "-m", "memwrit.cli", "migrate"]
        done = subprocess.run(
            command,
            check=False,
            env=environment,
            stdout=sys.stderr.fileno(),
            preexec_fn=bound_to_parent(signal.SIGTERM),
        )
        if done.returncode:
            raise StartFailed("the migrations failed")

    def _worker(self) -> Child:
        command = [sys.executable, "-m", "memwrit.cli", "tick"]
        return Child("tick", command, attach.environment(self.settings, attach.TICK), patience=60.0)

    def _web(self, listener: socket.socket) -> Child:
        """gunicorn on a socket we keep open: while it starts again, callers wait instead of being refused."""
        command = web.command(f"fd://{listener.fileno()}")
        environment = attach.environment(self.settings, attach.WEB)
        return Child("web", command, environment, descriptors=(listener.fileno(),))

    def _await_ready(self, url: str) -> None:
        """Until every dependency answers and the worker has once found nothing left to do."""
        limit = time.monotonic() + READY_WITHIN
        while time.monotonic() < limit:
            if _ready(url):
                return
            for child in self.children:
                child.tend()
                if child.deaths >= 5:
                    raise StartFailed(f"{child.name} does not start")
            time.sleep(0.1)
        raise StartFailed(f"not ready within {READY_WITHIN:.0f} s; {url}/readyz tells what is missing")

    def _tend(self) -> None:
        while True:
            for child in self.children:
                child.tend()
            if self.cluster is not None:
                self.cluster.tend()
            time.sleep(0.2)

    def _down(self) -> None:
        for child in reversed(self.children):
            child.stop()
        if self.cluster is not None:
            self.cluster.stop()


def serve(port: int, given: str | None) -> int:
    """Run the embedded server in the foreground. Returns the exit code."""
    os.umask(0o077)
    data = attach.data_directory(given)
    cluster = None if attach.external() else Cluster(data)
    if cluster is None:
        (data / "keys").mkdir(parents=True, exist_ok=True)
    Server(port, data, cluster).run()
    return 0


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise StartFailed(f"port {port} cannot be used: {error.strerror}") from None
    listener.listen(256)
    return listener


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:  # noqa: S310 - our own loopback address
            verdicts = json.load(answer)["checks"]
    except (OSError, ValueError, KeyError, urllib.error.URLError):
        return False
    return all(verdicts.get(job, {}).get("drained") for job in ("relay", "sequencer"))


def _kept_secret(path: Path) -> str:
    """A random value made once and kept beside the keys."""
    with contextlib.suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48))
    return path.read_text(encoding="ascii")


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Stopped

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    yield


def _ignore_signals() -> None:
    """A second signal must not interrupt the orderly end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)

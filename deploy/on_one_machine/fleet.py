"""Every process of the production form, started in order, tended, ended in order."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from deploy.on_one_machine import proxy
from memwrit.embedded import attach, postgres
from memwrit.embedded.children import bound_to_parent
from tests.opensearch.node import whole
from tests.opensearch.server import Server
from tests.workers.brokers import BROKERS, free_port, kill_tree

QUEUES = ("forget", "index", "admission", "retention")
READY_WITHIN = 180.0
STOP_WITHIN = 40.0
AGAIN_AFTER = 1.0
"""Seconds before a process that ended is started again, as a kubelet does."""


@dataclass(frozen=True, slots=True)
class Form:
    """What is run: web processes, the search engine, the embedder, the broker, and whether nginx stands in front."""

    webs: int = 2
    engine: str = "postgres"
    embedder: str = "minilm"
    proxy: bool = True
    broker: str = "valkey"


@dataclass(slots=True)
class Process:
    """One process: its command, the database URLs it may have, and since when it runs."""

    command: list[str]
    environment: dict[str, str]
    running: subprocess.Popen[bytes] | None = None
    ended_at: float = 0.0
    starts: int = 0


@dataclass
class Fleet:
    """A context: everything runs inside it. `processes` by name; `restarts` counts what was started again."""

    data: Path
    form: Form
    port: int = 0
    processes: dict[str, Process] = field(default_factory=dict)
    nodes: list[Server] = field(default_factory=list)
    tended: bool = True

    def __enter__(self) -> Fleet:
        self._stack = contextlib.ExitStack()
        try:
            self._bring_up()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def await_web(self, name: str) -> None:
        """Until a web process has loaded its models, as the chart's readiness asks."""
        _await(f"http://{self.processes[name].command[-3]}/readyz?models")

    @property
    def restarts(self) -> int:
        return sum(process.starts - 1 for process in self.processes.values() if process.starts)

    def tend(self) -> None:
        """Start again what ended, PostgreSQL too."""
        if not self.tended:
            return
        self.cluster.tend()
        for process in self.processes.values():
            if process.running is not None and process.running.poll() is not None:
                process.running, process.ended_at = None, time.monotonic()
            if process.running is None and time.monotonic() - process.ended_at > AGAIN_AFTER:
                self._start(process)

    def memwrit(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """One command with every role's credentials, as an operator's Job has them."""
        command = [sys.executable, "-m", "memwrit.cli", *arguments]
        return subprocess.run(command, env=self._given(attach.ALL), capture_output=True, text=True, check=check)

    # --- bringing up ---

    def _bring_up(self) -> None:
        self.data.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.logs = self.data / "processes.log"
        self.cluster = _postgres(self.data)
        self._stack.callback(self.cluster.stop)
        self.broker = BROKERS[self.form.broker]()
        self._stack.callback(self.broker.stop)
        self.broker.start()
        self.settings = self._settings()
        self.memwrit("migrate")
        self._stack.callback(self._end)
        ports = [free_port() for _ in range(self.form.webs)]
        self._processes(ports)
        for process in self.processes.values():
            self._start(process)
        for port in ports:
            _await(f"http://127.0.0.1:{port}/readyz?models")  # as the chart asks
        self._front(ports)

    def _settings(self) -> dict[str, str]:
        made = self.cluster.settings() | {
            "BROKER_URL": self.broker.url,
            "SEARCH_ENGINE": self.form.engine,
            "EMBEDDER": self.form.embedder,
            "SECRET_KEY": secrets.token_urlsafe(48),
            "PULSE": str(self.data / "pulse.json"),
            "MODELS": os.environ.get("MODELS") or str(Path.cwd() / ".memwrit" / "models"),
        }
        if self.form.engine == "opensearch":
            self.nodes = self._stack.enter_context(whole(heap="1g", quick=True))
            made["OPENSEARCH_URL"] = self.nodes[0].url
        return made

    def _processes(self, ports: list[int]) -> None:
        for number, port in enumerate(ports):
            self._add(f"web-{number}", attach.WEB, "web", "--bind", f"127.0.0.1:{port}", "--workers", "1")
        for only in ("relay", "sequencer", "retention"):
            self._add(only, attach.TICK, "tick", "--only", only)
        for queue in QUEUES:
            self._add(f"worker-{queue}", attach.WORKER, "worker", "--queues", queue, "--concurrency", "1")

    def _add(self, name: str, allowed: frozenset[str], *arguments: str) -> None:
        self.processes[name] = Process([sys.executable, "-m", "memwrit.cli", *arguments], self._given(allowed))

    def _given(self, allowed: frozenset[str]) -> dict[str, str]:
        hidden = attach.ALL - allowed
        kept: Mapping[str, str] = {name: value for name, value in os.environ.items() if name not in attach.ALL}
        return {**kept, **{name: value for name, value in self.settings.items() if name not in hidden}}

    def _front(self, ports: list[int]) -> None:
        if not self.form.proxy or proxy.program() is None:
            self.port = ports[0]
            return
        self.port = self.port or free_port()
        command = proxy.command(self.data / "nginx", self.port, ports)
        self.processes["nginx"] = Process(command, dict(os.environ))
        self._start(self.processes["nginx"])
        _await(f"{self.url}/readyz")

    def _start(self, process: Process) -> None:
        process.starts += 1
        with self.logs.open("ab") as log:
            process.running = subprocess.Popen(
                process.command,
                env=process.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=bound_to_parent(signal.SIGTERM),
            )

    # --- ending ---

    def _end(self) -> None:
        """In order: nobody new is let in, then all that works ends its work."""
        running = [process.running for process in reversed(self.processes.values()) if process.running]
        for process in running:
            process.terminate()
        until = time.monotonic() + STOP_WITHIN
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
                continue
            kill_tree(process)


def _postgres(data: Path) -> postgres.Cluster:
    """The bundled one, with room for every process's connections."""
    before = dict(postgres.COMMON)
    postgres.COMMON.update({"max_connections": "200"})
    try:
        made = postgres.Cluster(data)
        made.start()
    finally:
        postgres.COMMON.clear()
        postgres.COMMON.update(before)
    return made


def _await(url: str) -> None:
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own
            if answer.status == 200:
                return
        time.sleep(0.3)
    raise RuntimeError(f"{url} was not ready within {READY_WITHIN:.0f} s")

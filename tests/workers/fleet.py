"""A relay and workers as processes of their own, on one broker, and the books of what they did."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg

from foundation.kernel.outbox import enqueue_many
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tests.workers.brokers import Broker, kill_tree
from tests.workers.effects import KIND, TABLES

ROOT = Path(__file__).resolve().parents[2]
CLAIM, LEASE, ATTEMPTS = 2, 5, 3  # what a crash costs, made short


@dataclass
class Fleet:
    """The processes and the books. `kill_*` are SIGKILL."""

    broker: Broker
    books: psycopg.Connection[Any]
    environment: dict[str, str]
    concurrency: int = 2
    short: bool = True
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    log: Path = field(default_factory=lambda: Path(tempfile.mkstemp(prefix="mw-fleet-")[1]))

    def start(self, name: str, *command: str, broker: bool = True) -> None:
        short = ["--claim", str(CLAIM), "--lease", str(LEASE), "--attempts", str(ATTEMPTS)]
        options = short if self.short else []
        with self.log.open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "tests.workers.effects", *options, "--", *command],
                env=self.environment | {"BROKER_URL": self.broker.url if broker else ""},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def start_relay(self, *, broker: bool = True) -> None:
        self.start("relay", "tick", "--only", "relay", broker=broker)

    def start_worker(self, *options: str, name: str = "worker") -> None:
        self.start(name, "worker", "--concurrency", str(self.concurrency), *options)

    def kill(self, name: str) -> None:
        if name in self.processes:
            kill_tree(self.processes.pop(name))

    def kill_one_child(self, chance: random.Random) -> None:
        """SIGKILL one of the worker's own processes: the worker itself goes on."""
        children = psutil.Process(self.processes["worker"].pid).children()
        if children:
            with contextlib.suppress(psutil.NoSuchProcess):
                chance.choice(children).kill()

    def stop(self) -> None:
        for name in list(self.processes):
            self.kill(name)
        self.log.unlink(missing_ok=True)

    def owe(self, tenant: UUID, numbers: Sequence[int], *, kind: str = KIND, queue: str = "index", **ref: Any) -> None:
        with tenant_scope(tenant), tenant_transaction():
            enqueue_many(kind, [{"n": n, **ref} for n in numbers], queue=queue)

    def done(self) -> set[int]:
        return {n for (n,) in self.books.execute("SELECT n FROM effect").fetchall()}

    def await_done(self, numbers: Sequence[int], within: float = 240.0) -> float:
        """Wait until all of them took effect; the seconds it took. Raises `AssertionError`, telling what the processes
        said."""
        began = time.monotonic()
        while missing := set(numbers) - self.done():
            if time.monotonic() - began > within:
                told = self.log.read_text(errors="replace")[-3000:]
                raise AssertionError(f"{len(missing)} of {len(numbers)} were not done: {told}")
            time.sleep(0.05)
        return time.monotonic() - began

    def runs(self) -> int:
        return int(self.books.execute("SELECT count(*) FROM run").fetchone()[0])  # type: ignore[index]

    def doubled(self) -> int:
        """Effects that were taken more than once."""
        return int(self.books.execute("SELECT count(*) FROM effect WHERE times <> 1").fetchone()[0])  # type: ignore[index]

    def overlapping(self) -> int:
        """Runs that began while another of the same item was going on (one that was killed has no end)."""
        query = """SELECT count(*) FROM run a JOIN run b ON a.n = b.n AND a.id < b.id
                    WHERE a.ended IS NOT NULL AND b.began < a.ended"""
        return int(self.books.execute(query).fetchone()[0])  # type: ignore[index]


@contextlib.contextmanager
def fleet(broker: Broker, superuser_url: str, **options: Any) -> Iterator[Fleet]:
    """A fleet on a running broker, with empty books in the cluster of `superuser_url`."""
    name = f"effects_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(superuser_url, autocommit=True) as main:
        main.execute(f"CREATE DATABASE {name}")
    url = psycopg.conninfo.make_conninfo(superuser_url, dbname=name)
    paths = f"{ROOT / 'platform'}:{ROOT}"
    with psycopg.connect(url, autocommit=True) as books:
        books.execute(TABLES)
        made = Fleet(broker, books, dict(os.environ) | {"EFFECTS_URL": url, "PYTHONPATH": paths}, **options)
        try:
            yield made
        finally:
            made.stop()
    with psycopg.connect(superuser_url, autocommit=True) as main:
        main.execute(f"DROP DATABASE {name} WITH (FORCE)")

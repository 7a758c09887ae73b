"""What must hold after every kill. Each check looks at the truth itself: rows as superuser, proofs by the verifier."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from audit import merkle
from audit.notes import Checkpoint
from benchmarks.drill.server import Server
from memwrit.embedded.postgres import Cluster

if TYPE_CHECKING:
    from benchmarks.drill.crash import Promises

Rows = psycopg.Connection[Any]
SETTLES_WITHIN = 60.0
SAMPLE = 60


@dataclass(frozen=True, slots=True)
class Found:
    """Something that must never be."""

    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.what}: {self.detail}"


@dataclass(slots=True)
class Ledger:
    """What was seen of the log so far: the last checkpoint, which every later one must extend, and proven events."""

    size: int = 0
    root: bytes = b""
    proven: set[str] = field(default_factory=set)


def look(server: Server, key: str, promises: Promises, ledger: Ledger) -> list[Found]:
    """Everything that is wrong now; empty when nothing is."""
    cluster = Cluster(server.data)
    with (
        psycopg.connect(cluster.superuser_url(), autocommit=True) as main,
        psycopg.connect(cluster.superuser_url("memwrit_keyring"), autocommit=True) as keyring,
    ):
        found = [each for each in map(_settles, _unsettled(main, keyring)) if each]
        found += _rows(main)
    return [*found, *_log(server, key, promises, ledger), *_memories(server, key, promises)]


def _unsettled(main: Rows, keyring: Rows) -> Iterable[tuple[str, Callable[[], int]]]:
    """Counts that must come down to nothing by themselves: what a killed process left, another finishes."""

    def count(connection: Rows, query: str) -> Callable[[], int]:
        return lambda: connection.execute(query).fetchone()[0]  # type: ignore[index]

    yield "events that are in no log", count(main, "SELECT count(*) FROM audit_outbox")
    unfinished = "SELECT count(*) FROM keyring_rotation WHERE state NOT IN ('done', 'undone')"
    yield "half-done rotations", count(keyring, unfinished)
    between = """SELECT count(*) FROM keyring_key k JOIN keyring_shard s
                  ON s.tenant_id = k.tenant_id AND s.number = k.shard WHERE k.epoch <> s.epoch"""
    yield "keys between two epochs", count(keyring, between)
    yield "work items that are dead", count(main, "SELECT count(*) FROM kernel_workitem WHERE state = 'dead'")


def _settles(asked: tuple[str, Callable[[], int]]) -> Found | None:
    what, count = asked
    limit = time.monotonic() + SETTLES_WITHIN
    while (left := count()) and time.monotonic() < limit:
        time.sleep(0.2)
    return Found(what, str(left)) if left else None


def _rows(main: Rows) -> list[Found]:
    """Committed changes against log entries, both ways; and nobody in quarantine."""
    questions = {
        "records without an entry in the log": """
            SELECT count(*) FROM governance_memcube c WHERE NOT EXISTS (
              SELECT FROM audit_entry e
               WHERE e.tenant_id = c.tenant_id AND e.target_id = c.id
                 AND e.act IN ('memory.admit', 'memory.hold'))""",
        "admissions in the log without a record": """
            SELECT count(*) FROM audit_entry e
             WHERE act IN ('memory.admit', 'memory.hold') AND target_kind = 'memory' AND NOT EXISTS (
              SELECT FROM governance_memcube c WHERE c.tenant_id = e.tenant_id AND c.id = e.target_id)""",
        "events twice in a log": """
            SELECT count(*) - count(DISTINCT (tenant_id, id)) FROM audit_entry""",
        "gaps in a log": """
            SELECT count(*) FROM (SELECT max(index) + 1 AS size, count(*) AS n FROM audit_entry GROUP BY tenant_id) t
             WHERE size <> n""",
        "tenants in quarantine": "SELECT count(*) FROM audit_quarantine WHERE lifted_at IS NULL",
    }
    counts = {what: main.execute(query).fetchone()[0] for what, query in questions.items()}  # type: ignore[index]
    return [Found(what, str(n)) for what, n in counts.items() if n]


def _log(server: Server, key: str, promises: Promises, ledger: Ledger) -> list[Found]:
    """The new checkpoint extends the last, and what was promised since is in it."""
    answer = server.ask("GET", "/v1/audit/checkpoint", key)
    if answer.status != 200:
        return [Found("no checkpoint", str(answer.status))]
    size, root = _head(answer.body)
    found = [*_extends(server, key, ledger, size, root), *_promised(server, key, promises, ledger)]
    ledger.size, ledger.root = size, root
    return found


def _extends(server: Server, key: str, ledger: Ledger, size: int, root: bytes) -> Iterable[Found]:
    if size < ledger.size:
        yield Found("the log has shrunk", f"{ledger.size} to {size}")
    elif ledger.size and size > ledger.size:
        answer = server.ask("GET", f"/v1/audit/consistency?from={ledger.size}&to={size}", key)
        try:
            merkle.verify_consistency(ledger.size, size, [*map(b64decode, answer.body["hashes"])], ledger.root, root)
        except Exception as error:
            yield Found("the log has forked", f"{ledger.size} to {size}: {type(error).__name__}")
    elif size == ledger.size and ledger.root and root != ledger.root:
        yield Found("the log has forked", f"at {size}")


def _promised(server: Server, key: str, promises: Promises, ledger: Ledger) -> Iterable[Found]:
    with promises.lock:
        wanted = sorted(promises.events - ledger.proven)
    for event_id in wanted[-SAMPLE:]:
        answer = server.ask("GET", f"/v1/audit/proofs/{event_id}", key)
        try:
            _included(answer.body)
        except Exception as error:
            yield Found("a promised event is not proven", f"{event_id}: {answer.status} {type(error).__name__}")
    ledger.proven |= set(wanted)


def _included(proof: dict[str, Any]) -> None:
    size, root = _head(proof["checkpoint"])
    leaf = merkle.leaf_hash(b64decode(proof["entry"]))
    merkle.verify_inclusion(leaf, proof["index"], size, [*map(b64decode, proof["hashes"])], root)


def _head(note: str) -> tuple[int, bytes]:
    checkpoint = Checkpoint.parse(note.split("\n\n")[0] + "\n")
    return checkpoint.size, checkpoint.root


def _memories(server: Server, key: str, promises: Promises) -> Iterable[Found]:
    """The newest and some of the oldest: each opens as what was answered, or was forgotten on demand."""
    with promises.lock:
        every = list(promises.memories.items())
    for memory_id, content in every[-SAMPLE:] + every[: SAMPLE // 4]:
        answer = server.ask("GET", f"/v1/memories/{memory_id}", key)
        if answer.status == 200 and answer.body["content"] == content:
            continue
        if answer.status == 410 and promises.may_be_forgotten(memory_id):
            continue
        yield Found("a promised memory is not there as promised", f"{memory_id}: {answer.status}")

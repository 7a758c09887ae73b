"""What revealing costs: the same searches, lists and batches with values to put back and without, in turns.

`python -m benchmarks vault [--memories N] [--rounds N] [--keep]`: JSON lines on stdout, a table on stderr. An agent, to
whom the policy reveals, and a reader, to whom it does not, ask the web application for the same records; `cold` has
every data key unwrapped anew. Persons are marked in the texts, so that recognition costs nothing and the vault is what
is measured.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from benchmarks.ground import standing_on_a_cluster
from benchmarks.telling import Telling

WORDS = ("kettle", "stove", "window", "violin", "ticket", "invoice", "garden", "bridge", "train", "coffee", "river")
PERSONS = 400
TELLING = Telling("vault")
Ask = Callable[..., Any]
Spent = dict[str, list[tuple[float, float]]]
_MARKED = re.compile(r"\{\{.*?\}\}")


class Marked:
    """A redactor that finds `{{…}}`, and replaces it as every redactor does."""

    def redact_many(self, documents: Sequence[Any], policy: Any, *, key: bytes, known: Any = None) -> list[Any]:
        return [self._redacted(document, policy, key) for document in documents]

    def tokens(self, text: str, policy: Any, *, key: bytes) -> str:
        return str(self._redacted({"/content": text}, policy, key).texts["/content"])

    def _redacted(self, document: Mapping[str, str], policy: Any, key: bytes) -> Any:
        from guard.pii import redaction
        from guard.pii.entities import Entity
        from guard.pii.port import Finding

        found = [
            Finding(Entity.PERSON, path, match.start(), match.end(), 1.0)
            for path, text in document.items()
            for match in _MARKED.finditer(text)
        ]
        return redaction.apply(document, found, policy, key)


def run(args: list[str]) -> None:
    """Measure on a new cluster."""
    parser = argparse.ArgumentParser(prog="bench vault", description=__doc__)
    parser.add_argument("--memories", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--keep", action="store_true", help="also write the figures into benchmarks/results")
    asked = parser.parse_args(args)
    with standing_on_a_cluster(EMBEDDER="hash"):
        _measure(asked.memories, asked.rounds)
    if asked.keep:
        TELLING.keep(f"vault-{asked.memories}")


def _measure(memories: int, rounds: int) -> None:
    from django.conf import settings

    from foundation.kernel.scope import tenant_scope

    settings.PII_REDACTOR = "benchmarks.vault.Marked"
    admin, agent, spaces = _tenant()
    with tenant_scope(admin.tenant_id):
        _batches(agent, spaces, memories)
        _settle()
        askers = {"with": _asker(admin, "agent", spaces["with"]), "without": _asker(admin, "reader", spaces["with"])}
    for cold in (False, True):
        warmth = "cold" if cold else "warm"
        for k in (10, 50):
            _compare(f"search_{k}_{warmth}", rounds, askers, lambda ask, n, k=k: _search(ask, n, k), cold)
        _compare(f"list_50_{warmth}", rounds, askers, lambda ask, n: _list(ask), cold)


def _tenant() -> tuple[Any, Any, dict[str, Any]]:
    """Its administrator, the agent who writes, and its two spaces."""
    from foundation.kernel.ids import uuid7
    from foundation.kernel.principal import Principal, PrincipalKind, Role
    from foundation.kernel.scope import tenant_scope
    from governance.services.spaces import create_space
    from guard.pii.policy import Action, Mode
    from guard.services.pii_policies import Terms, create_pii_policy
    from tenants.services.create_tenant import create_tenant

    tenant = create_tenant(name="bench").key.tenant_id
    admin = Principal(uuid7(), tenant, PrincipalKind.SERVICE, Role.ADMIN, name="bench")
    with tenant_scope(tenant):
        hashed, _ = create_pii_policy(admin, name="hash", terms=Terms(Mode.STRICT, Action.HASH))
        spaces = {
            "with": create_space(admin, name="vault"),
            "without": create_space(admin, name="hash", pii_policy_id=hashed.id),
        }
    writer = replace(admin, kind=PrincipalKind.AGENT, role=Role.AGENT, spaces=frozenset(s.id for s in spaces.values()))
    return admin, writer, spaces


def _asker(admin: Any, role: str, space: Any) -> Ask:
    """The JSON that the web application answers, under a key of that role for the space; without a socket."""
    from django.test import Client

    from foundation.kernel.principal import Role
    from tenants.services.create_key import create_key

    made = create_key(admin, role=Role(role), name=role, spaces=[space.id])
    client, headers = Client(SERVER_NAME="localhost"), {"Authorization": f"Bearer {made.api_key}"}

    def ask(path: str, body: Any = None) -> Any:
        send = client.get if body is None else partial(client.post, data=body, content_type="application/json")
        answer = send(path, headers=headers)
        assert answer.status_code == 200, answer.content[:200]
        return answer.json()

    return ask


def _text(number: int) -> str:
    first, second, third = ((number * step) % PERSONS for step in (1, 7, 13))
    words = " ".join(WORDS[(number * step + step) % len(WORDS)] for step in range(1, 16))
    people = f"{{{{Person {first}}}}} and {{{{Person {second}}}}} told {{{{Person {third}}}}}"
    return f"{people}: {words} number {number}."


def _batches(agent: Any, spaces: Mapping[str, Any], memories: int) -> None:
    """Fill, fifty at a time, in turns: the same texts into a space whose names go into the vault, and into one that
    replaces them by hashes."""
    from governance.sealed import Provenance
    from governance.services.admit import admit_many
    from governance.submissions import Submission

    source = Provenance("bench:1", session="s", speaker="user")
    seconds: Spent = {"with": [], "without": []}
    for start in range(0, memories, 50):
        for kind, times in seconds.items():
            parts = [Submission(spaces[kind].id, _text(number), source) for number in range(start, start + 50)]
            times.append(_timed(lambda parts=parts: admit_many(agent, submissions=parts)))
    _told("batch_50_new_values", {kind: times[:4] for kind, times in seconds.items()})
    _told("batch_50_known_values", {kind: times[len(times) // 2 :] for kind, times in seconds.items()})


def _settle() -> None:
    from django.db import connections

    from audit.services.sequence import run_once
    from foundation.kernel import outbox

    while outbox.run_due() or run_once():
        pass
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _search(ask: Ask, number: int, k: int) -> None:
    question = f"What did {{{{Person {number % PERSONS}}}}} say of the {WORDS[number % len(WORDS)]}?"
    assert len(ask("/v1/memories:search", {"query": question, "k": k})["data"]) == k


def _list(ask: Ask) -> None:
    assert len(ask("/v1/memories?limit=50")["data"]) == 50


def _compare(name: str, rounds: int, askers: Mapping[str, Ask], act: Callable[[Ask, int], None], cold: bool) -> None:
    from foundation.keyring import keys

    seconds: Spent = {kind: [] for kind in askers}
    for number in range(-3, rounds):
        for kind, ask in list(askers.items())[:: 1 if number % 2 else -1]:
            if cold:
                keys.opened.clear()
            took = _timed(lambda ask=ask, number=number: act(ask, number))
            if number >= 0:
                seconds[kind].append(took)
    _told(name, seconds)


def _timed(act: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of CPU: of this process and the backends it talks to."""
    began, spent = time.perf_counter(), _cpu_seconds()
    act()
    return time.perf_counter() - began, _cpu_seconds() - spent


def _cpu_seconds() -> float:
    """Unlike the clock, it does not see what else the machine does."""
    return time.process_time() + sum(sum(each.cpu_times()[:2]) for each in _backends())


@cache
def _backends() -> list[Any]:
    import psutil
    from django.db import connections

    pids = []
    for alias in ("default", "keyring"):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            pids.append(cursor.fetchone()[0])
    return [psutil.Process(pid) for pid in pids]


def _told(name: str, spent: Spent) -> None:
    seconds = {kind: [clock for clock, _ in each] for kind, each in spent.items()}
    cpu = {kind: 1000 * statistics.fmean(used for _, used in each) for kind, each in spent.items()}
    half = {kind: 1000 * statistics.median(times) for kind, times in seconds.items()}
    tail = {kind: 1000 * statistics.quantiles(times, n=20)[-1] for kind, times in seconds.items()}
    TELLING.tell(
        name,
        with_ms=round(half["with"], 2),
        without_ms=round(half["without"], 2),
        ratio=round(half["with"] / half["without"], 3),
        with_cpu_ms=round(cpu["with"], 2),
        without_cpu_ms=round(cpu["without"], 2),
        cpu_ratio=round(cpu["with"] / cpu["without"], 3),
        with_p95_ms=round(tail["with"], 2),
        without_p95_ms=round(tail["without"], 2),
        rounds=len(seconds["with"]),
    )

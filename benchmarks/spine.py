"""The whole path's speed: admission single and batch, by stage; search; the ledger; proofs (re-wraps: `keyring`).

`python -m benchmarks spine [--memories N] [--singles N] [--models]`: JSON lines on stdout, a table on stderr.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.ground import standing_on_a_cluster

WORDS = (
    *("kettle", "stove", "window", "violin", "ticket", "invoice", "garden", "bridge"),
    *("train", "coffee", "meeting", "letter", "river", "doctor", "lamp"),
)


def run(args: list[str]) -> None:
    """Measure on a new cluster: with no-cost text work, or, with `--models`, with the real models."""
    asked = _arguments(args)
    with standing_on_a_cluster(EMBEDDER="minilm" if asked.models else "hash"):
        _measure(asked, "models" if asked.models else "plain")


def _arguments(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench spine", description=__doc__)
    parser.add_argument("--memories", type=int, default=2000, help="how many the search is measured over")
    parser.add_argument("--singles", type=int, default=100)
    parser.add_argument("--entries", type=int, default=0, help="further events in the log before proofs are timed")
    parser.add_argument("--models", action="store_true", help="with the language models, PII strict")
    return parser.parse_args(args)


def _measure(asked: argparse.Namespace, text_work: str) -> None:
    from foundation.kernel.scope import tenant_scope

    tenant, agent, space = _tenant(text_work)
    with tenant_scope(tenant):
        _singles(agent, space, asked.singles, text_work)
        _batches(agent, space, asked.memories, text_work)
        _fill_log(agent, asked.entries)
        _ledger(text_work)
        _searches(agent, text_work, asked.memories)
        _proofs(text_work)


def _tenant(text_work: str) -> tuple[Any, Any, Any]:
    from dataclasses import replace

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
        policy = None
        if text_work == "plain":
            terms = Terms(Mode.BALANCED, Action.KEEP, ())
            policy = create_pii_policy(admin, name="keep", terms=terms)[0].id
        space = create_space(admin, name="bench", pii_policy_id=policy)
    return tenant, replace(admin, role=Role.AGENT, kind=PrincipalKind.AGENT, spaces=frozenset({space.id})), space


def _submissions(space: Any, count: int) -> list[Any]:
    from governance.sealed import Provenance
    from governance.submissions import Submission

    def text(number: int) -> str:
        return " ".join(WORDS[(number * step + step) % len(WORDS)] for step in range(1, 24)) + f" number {number}."

    source = Provenance("bench:1", session="s", speaker="user")
    return [Submission(space.id, text(number), source) for number in range(count)]


def _singles(agent: Any, space: Any, count: int, text_work: str) -> None:
    from governance.services.admit import admit

    admit(agent, submission=_submissions(space, 1)[0])  # loads what is loaded once
    with _stages() as spent:
        seconds = [_timed(lambda part=part: admit(agent, submission=part)) for part in _submissions(space, count)]
    _latency("admission", seconds, text_work)
    for stage, times in spent.items():
        _latency(f"admission_{stage}", times, text_work)
    _figure("admissions_per_second_single", count / sum(seconds), text_work)


def _batches(agent: Any, space: Any, count: int, text_work: str) -> None:
    from governance.services.admit import admit_many

    parts = _submissions(space, count)
    seconds = sum(
        _timed(lambda at=at: admit_many(agent, submissions=parts[at : at + 500])) for at in range(0, count, 500)
    )
    _figure("admissions_per_second_batch", count / seconds, text_work)


def _fill_log(agent: Any, count: int) -> None:
    from audit.acts import Act
    from audit.services.record import record
    from foundation.kernel.scope import tenant_transaction

    for _ in range(0, count, 500):
        with tenant_transaction():
            for _ in range(500):
                record(agent, Act.MEMORY_READ)


def _ledger(text_work: str) -> None:
    from audit.services.sequence import run_once
    from foundation.kernel import outbox

    drained, seconds = 0, 0.0
    while True:
        began = time.perf_counter()
        count = run_once()
        if not count:
            break
        drained, seconds = drained + count, seconds + time.perf_counter() - began
    _figure("ledger_drain_per_second", drained / max(seconds, 1e-9), text_work, events=drained)
    began, indexed = time.perf_counter(), 0
    while count := outbox.run_due():
        indexed += count
    _figure("indexed_per_second", indexed / (time.perf_counter() - began), text_work)


def _searches(agent: Any, text_work: str, memories: int) -> None:
    from governance.services.search import Question, search

    asked = [Question(f"{WORDS[n % len(WORDS)]} and the {WORDS[(n * 7 + 3) % len(WORDS)]}?") for n in range(100)]
    search(agent, question=asked[0])
    _latency(
        "search",
        [_timed(lambda q=question: search(agent, question=q)) for question in asked],
        text_work,
        memories=memories,
    )


def _proofs(text_work: str) -> None:
    from audit import selectors
    from audit.models import Entry
    from audit.services.sequence import run_once
    from foundation.kernel.scope import tenant_transaction

    while run_once():
        pass
    with tenant_transaction():
        ids = list(Entry.objects.order_by("?").values_list("id", flat=True)[:100])
        size = Entry.objects.count()
        seconds = [_timed(lambda event=event: selectors.inclusion(event)) for event in ids]
    _latency("proof", seconds, text_work, entries=size)


@contextmanager
def _stages() -> Iterator[dict[str, list[float]]]:
    """Seconds spent in each stage of the admissions inside the block."""
    from governance import judging
    from governance.services import admit

    spent: dict[str, list[float]] = {}
    places = ((judging, "_clear"), (judging, "gather"), (judging, "judge_case"), (admit, "_write"))
    kept = [(module, name, getattr(module, name)) for module, name in places]
    for module, name, whole in kept:
        setattr(module, name, _clocked(whole, spent.setdefault(name.strip("_"), [])))
    try:
        yield spent
    finally:
        for module, name, whole in kept:
            setattr(module, name, whole)


def _clocked(whole: Callable[..., Any], times: list[float]) -> Callable[..., Any]:
    def clocked(*args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        try:
            return whole(*args, **kwargs)
        finally:
            times.append(time.perf_counter() - began)

    return clocked


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def _latency(name: str, seconds: Sequence[float], text_work: str, **facts: Any) -> None:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    _figure(f"{name}_p50_ms", 1000 * statistics.median(ordered), text_work, **facts)
    _figure(f"{name}_p95_ms", 1000 * p95, text_work, **facts)


def _figure(name: str, value: float, text_work: str, **facts: Any) -> None:
    print(json.dumps({"figure": name, "value": round(value, 3), "text_work": text_work, **facts}), flush=True)
    print(f"{text_work:8} {name:34} {value:12.2f}", file=sys.stderr)

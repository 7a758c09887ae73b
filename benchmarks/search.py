"""The blind engine's speed: writing, and searching with both arms, for a tenant of N records among others' rows.

`python -m benchmarks search [N ...]` (default 1000 10000; a neighbour tenant gets as many rows, interleaved) prints one
JSON line a figure. Texts are made up of words with a natural (Zipf) distribution; vectors are those of the no-cost
embedder, so that the engine is measured and not the model. What one question costs the model stands apart.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import numpy as np

from benchmarks.ground import standing_on_a_cluster

QUESTIONS = 200
BATCH = 200
VOCABULARY = 20_000
WORDS_IN_A_TEXT = 30


def run(args: list[str]) -> None:
    """Measure every size on a new cluster."""
    sizes = [int(arg) for arg in args] or [1000, 10_000]
    with standing_on_a_cluster(EMBEDDER="hash"):
        for size in sizes:
            _measure(size)
        _model()


def _measure(size: int) -> None:
    from foundation.kernel.ids import uuid7
    from foundation.kernel.scope import tenant_scope

    tenant, neighbour, random = uuid7(), uuid7(), np.random.default_rng(size)
    _print("put_per_second", size / _fill([tenant, neighbour], size, random), records=size)
    with tenant_scope(tenant):
        plans = [_plan(random) for _ in range(QUESTIONS)]
        _vacuumed()
        _latencies("search", lambda plan: _search(plan), plans, size)
        _latencies("statistics", _statistics, plans, size)
        past = [_in_the_past(plan) for plan in plans[:40]]
        _latencies("search_in_the_past", _search, past, size)
        _latencies("plan", lambda _: _plan(random), plans, size)


def _fill(tenants: Sequence[UUID], size: int, random: np.random.Generator) -> float:
    """Write `size` documents for each tenant in turns; returns one tenant's seconds, encoding included."""
    from foundation.kernel.scope import tenant_scope, tenant_transaction
    from foundation.search import index
    from foundation.search.engine import engine

    seconds = 0.0
    for _ in range(size // BATCH):
        for tenant in tenants:
            entries = [_entry(random) for _ in range(BATCH)]
            began = time.perf_counter()
            with tenant_scope(tenant):
                documents = index.documents(entries)
                with tenant_transaction():
                    engine().put(documents)
            seconds += (time.perf_counter() - began) / len(tenants)
    return seconds


def _entry(random: np.random.Generator) -> Any:
    from foundation.kernel.clock import now
    from foundation.kernel.ids import uuid7
    from foundation.search.index import Entry
    from foundation.search.port import Collection

    space = UUID(int=int(random.integers(1, 6)))
    return Entry(Collection.MEMORY, space, uuid7(), 1, 1, "active", "episodic", _text(random, WORDS_IN_A_TEXT), now())


def _text(random: np.random.Generator, words: int) -> str:
    ranks = np.minimum(random.zipf(1.3, size=words), VOCABULARY)
    return " ".join(f"w{rank}x" for rank in ranks)


def _plan(random: np.random.Generator) -> Any:
    from foundation.search import index

    spaces = [UUID(int=number) for number in range(1, 6)]
    return index.plan(_text(random, 8), spaces=spaces, roles=["agent"])


def _in_the_past(plan: Any) -> Any:
    from dataclasses import replace

    return replace(plan, known_at=plan.at)


def _search(plan: Any) -> None:
    from foundation.kernel.scope import tenant_transaction
    from foundation.search import index

    with tenant_transaction():
        index.search(plan)


def _statistics(plan: Any) -> None:
    from foundation.kernel.scope import tenant_transaction
    from foundation.search.engine import engine

    with tenant_transaction():
        engine().statistics(plan)


def _vacuumed() -> None:
    """As autovacuum leaves the tables, so that a run does not depend on whether it came by."""
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE search_entry, search_scope, search_counter")


def _model() -> None:
    """One question through the default embedder, one thread."""
    from foundation.search.embedders import MiniLM

    minilm = MiniLM()
    minilm.embed(["warm"])
    texts = [f"Which seat does person {number} like on long flights to Lisbon?" for number in range(50)]
    _latencies("embed_question", lambda text: minilm.embed([text]), texts, 1)


def _latencies(name: str, act: Callable[[Any], Any], inputs: Sequence[Any], size: int) -> None:
    act(inputs[0])
    spent = _cpu_seconds()
    taken = sorted(_seconds(act, one) * 1000 for one in inputs)
    p95 = taken[int(0.95 * (len(taken) - 1))]
    spent = (_cpu_seconds() - spent) * 1000 / len(inputs)
    _print(f"{name}_ms_p50", statistics.median(taken), records=size, p95=round(p95, 2), cpu_ms=round(spent, 2))


def _cpu_seconds() -> float:
    """What this process and its backend have spent: unlike the clock, it does not see what else the machine does."""
    import psutil
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0]).cpu_times()
    return time.process_time() + backend.user + backend.system


def _seconds(act: Callable[[Any], Any], one: Any) -> float:
    began = time.perf_counter()
    act(one)
    return time.perf_counter() - began


def _print(figure: str, value: float, **facts: Any) -> None:
    print(json.dumps({"bench": "search", "figure": figure, "value": round(value, 2), **facts}), flush=True)
    print(f"{figure:28} {value:10.2f}  {facts}", file=sys.stderr)

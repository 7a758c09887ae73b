"""Search's speed: the engine alone, and the product beside other stores on the same PostgreSQL.

`./dev bench search [N ...] [--peers N] [--only engine|peers] [--keep]`. The engine: writing, and searching with both
arms, for a tenant of N records (default 1000 10000; a neighbour tenant gets as many rows, interleaved). Then `--peers`
memories (default 10000) are written into the product, LangGraph's PostgresStore and mem0, a batch in turn, and each is
asked the same questions, round by round; the CPU of governance above the bare engine stands beside it.
Vectors are those of the no-cost embedder, so that stores are measured and not the model. What one question costs the
model stands apart.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import numpy as np

from benchmarks.ground import standing_on_a_cluster
from benchmarks.telling import Telling

QUESTIONS = 200
BATCH = 200
VOCABULARY = 20_000
WORDS_IN_A_TEXT = 30
SPARE = 600  # texts that were not written yet: what a write costs is measured with these
SYLLABLES = ("ka", "ri", "to", "ne", "sol", "ba", "min", "ve", "lo", "pa", "dur", "fi", "gan", "es", "mo", "ta")


def run(args: list[str]) -> None:
    """Measure on new clusters; `--keep` keeps the comparison with peers."""
    asked = _arguments(args)
    if asked.only != "peers":
        with standing_on_a_cluster(EMBEDDER="hash"):
            for size in asked.sizes:
                _measure(size)
            _model()
    if asked.only != "engine":
        telling = Telling("search")
        with standing_on_a_cluster(EMBEDDER="hash"):
            _beside_peers(asked.peers, telling)
        if asked.keep:
            telling.keep(f"search-peers-{asked.peers}")


def _arguments(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench search", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=[1000, 10_000])
    parser.add_argument("--peers", type=int, default=10_000, help="memories in each store")
    parser.add_argument("--only", choices=("engine", "peers"))
    parser.add_argument("--keep", action="store_true", help="write the comparison to benchmarks/results")
    return parser.parse_args(args)


def _beside_peers(count: int, telling: Telling) -> None:
    from benchmarks import search_peers
    from benchmarks.governed import Governed
    from foundation.search.embedders import HashEmbedder

    texts = _sentences(count + SPARE)
    product = Governed(texts)
    with search_peers.peers(texts[:count], HashEmbedder().embed(texts[:count])) as them:
        search_peers.compare_writes(product.write, them, count, telling)
        ways = {
            "memwrit, dense": product.search_by_meaning,
            "memwrit, hybrid": product.search,
            "memwrit, hybrid, web application": product.over_wsgi(),
            "bare engine, dense": lambda number: product.bare(number, words=False),
            "bare engine, hybrid": product.bare,
        }
        search_peers.compare_searches(ways, them, telling)
    product.overhead(telling, asked=range(0, count, count // 30), fresh=range(count, count + SPARE))


def _sentences(count: int) -> list[str]:
    """Twenty words each, drawn by Zipf's law from words that mean nothing, so that no two say the same."""
    draw = np.random.default_rng(17)
    ranks = np.minimum(draw.zipf(1.25, size=(count, 20)), VOCABULARY)
    return [" ".join(_word(int(rank)) for rank in row) + f", said number {place}." for place, row in enumerate(ranks)]


def _word(rank: int) -> str:
    parts = []
    while rank:
        rank, part = divmod(rank, len(SYLLABLES))
        parts.append(SYLLABLES[part])
    return "".join(parts)


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

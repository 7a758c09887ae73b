"""A new index generation while the old one is searched: how fast it fills, and what searches notice of it.

`python -m benchmarks rekey [--memories N] [--without-swap] [--save FILE]`: first a re-key (no model), then a swap from
the hash embedder to MiniLM. The worker is a process of its own, as in production; both share the machine's cores.
Figures are ratios to the same searches just before, when nothing else was at work here.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.ground import standing_on_a_cluster
from benchmarks.spine import WORDS, _submissions, _tenant

QUIET = 200
LONGEST = 3600.0


def run(args: list[str]) -> None:
    asked = _arguments(args)
    with standing_on_a_cluster(EMBEDDER="hash", INDEX_DRAIN_SECONDS="1"):
        told = list(_measured(asked))
    if asked.save:
        Path(asked.save).write_text("".join(f"{json.dumps(one)}\n" for one in told), encoding="ascii")


def _arguments(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench rekey", description=__doc__)
    parser.add_argument("--memories", type=int, default=10_000)
    parser.add_argument("--without-swap", action="store_true", help="the re-key alone")
    parser.add_argument("--save", metavar="FILE", help="also write the figures there, as JSON lines")
    return parser.parse_args(args)


def _measured(asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    from foundation.kernel.scope import tenant_scope

    tenant, agent, space = _tenant("plain")
    with tenant_scope(tenant):
        _admitted(agent, space, asked.memories)
        yield _figures("re-key", "", tenant, agent, asked.memories)
        if not asked.without_swap:
            yield _figures("swap to minilm", "minilm", tenant, agent, asked.memories)


def _admitted(agent: Any, space: Any, count: int) -> None:
    from audit.services.sequence import run_once
    from foundation.kernel import outbox
    from governance.services.admit import admit_many

    parts = _varied(space, count)
    for at in range(0, count, 500):
        admit_many(agent, submissions=parts[at : at + 500])
        while outbox.run_due() + run_once():
            pass


def _varied(space: Any, count: int) -> list[Any]:
    """Texts of twelve words each, drawn by chance out of a thousand, so that few are alike."""
    chance = random.Random(5)
    return [
        replace(part, content=" ".join(f"{chance.choice(WORDS)}{chance.randrange(64)}" for _ in range(12)))
        for part in _submissions(space, count)
    ]


def _figures(name: str, embedder: str, tenant: UUID, agent: Any, memories: int) -> dict[str, Any]:
    from foundation.search.models import Swap
    from governance.services import swap_index

    busy_before = os.getloadavg()[0]
    search = _searcher(agent)
    quiet = [search() for _ in range(QUIET)]
    swap = swap_index.begin(Swap.Cause.OPERATOR, embedder=embedder)
    context = multiprocessing.get_context("spawn")
    ended: Any = context.Queue()
    worker = context.Process(target=_work, args=(str(tenant), str(swap.id), ended))
    worker.start()
    during = list(_while_alive(worker, search))
    worker.join()
    filling, whole, done = ended.get()
    if done["state"] != "done":
        raise RuntimeError(f"the swap ended as {done}")
    told = {
        "what": name,
        "memories": memories,
        "filled": done["records"],
        "embedded_anew": done["embedded"],
        "filled_per_second": round(done["records"] / filling, 1),
        "seconds_whole": round(whole, 1),
        "alike": [done["alike"], done["questions"]],
        "found": [done["found_before"], done["found_after"]],
        **_compared(quiet, during),
        "searches_during": len(during),
        "load_before": round(busy_before, 1),
        "cores": os.cpu_count(),
    }
    print(json.dumps(told), flush=True)
    return told


def _searcher(agent: Any) -> Callable[[], float]:
    from governance.services.search import Question, search

    turn = iter(range(10**9))

    def once() -> float:
        number = next(turn)
        asked = (
            f"{WORDS[number % len(WORDS)]}{number % 64} and the {WORDS[(number * 7 + 3) % len(WORDS)]}{number % 61}?"
        )
        began = time.perf_counter()
        search(agent, question=Question(asked))
        return time.perf_counter() - began

    once()
    return once


def _while_alive(worker: Any, search: Callable[[], float]) -> Iterator[float]:
    """Searches in a row, as one client makes them, with a pause as long as the answer took."""
    end = time.monotonic() + LONGEST
    while worker.is_alive() and time.monotonic() < end:
        seconds = search()
        yield seconds
        time.sleep(seconds)


def _compared(quiet: list[float], during: list[float]) -> dict[str, float]:
    told = {}
    for name, pick in (("p50", statistics.median), ("p95", _p95)):
        alone, beside = 1000 * pick(quiet), 1000 * pick(during)
        told |= {f"search_{name}_quiet_ms": round(alone, 1), f"search_{name}_during_ms": round(beside, 1)}
        told[f"search_{name}_ratio"] = round(beside / alone, 2)
    return told


def _p95(seconds: list[float]) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]


def _work(tenant: str, swap_id: str, ended: Any) -> None:
    """The worker's process: take every step there is."""
    root = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(root / "platform"), str(root)]
    import django

    django.setup()
    from foundation.kernel.scope import tenant_scope
    from governance.services import swap_index

    began, filled_at = time.perf_counter(), 0.0
    with tenant_scope(UUID(tenant)):
        while (swap := swap_index.advance(UUID(swap_id))).state in swap_index.OPEN:
            if not filled_at and swap.state != "filling":
                filled_at = time.perf_counter() - began
            if swap_index.next_due(swap) > swap_index.now():
                time.sleep(0.1)
    counts = {name: getattr(swap, name) for name in ("embedded", "questions", "alike", "found_before", "found_after")}
    ended.put((filled_at, time.perf_counter() - began, {"state": swap.state, "records": swap.done, **counts}))

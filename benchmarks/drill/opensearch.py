"""`./dev drill opensearch [--rounds 3] [--nodes 3]`: kill -9 of one node of several, during bulk writing and searches.

Every write is repeated until it is acknowledged, as the outbox does. After each kill the node comes back; at the end
every acknowledged version is in the index, nothing else is, and no search ever answered with what was not written or
left out what had been acknowledged before it was asked: it was right, or it was refused.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from benchmarks.ground import standing_on_a_cluster

BATCH = 100
SEARCHERS = 2


@dataclass(slots=True)
class Told:
    """What was acknowledged, and what searches came to."""

    documents: list[Any] = field(default_factory=list)
    refused_writes: int = 0
    right: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    longest_refusal_s: float = 0.0
    latencies: list[float] = field(default_factory=list)


def run(arguments: list[str]) -> int:
    """One JSON line; 1 if anything was lost, left over or wrong."""
    parser = argparse.ArgumentParser(prog="drill opensearch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of load before and after each kill")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(arguments)
    from tests.opensearch import node

    with node.whole(options.nodes, "512m", quick=True) as servers:
        url = ",".join(server.url for server in servers)
        chosen = {"SEARCH_ENGINE": "opensearch", "OPENSEARCH_URL": url, "OPENSEARCH_PREFIX": "drill"}
        with standing_on_a_cluster(durable=False, EMBEDDER="hash", OPENSEARCH_TIMEOUT="10", **chosen):
            return _drill(servers, options)


def _drill(servers: list[Any], options: argparse.Namespace) -> int:
    from foundation.kernel.ids import uuid7

    tenant, chance, told, stop = uuid7(), random.Random(options.seed), Told(), threading.Event()
    _first(tenant, told)
    work = [lambda: _write(told, stop), *[lambda: _search(told, stop)] * SEARCHERS]
    threads = [threading.Thread(target=_in, args=(tenant, each)) for each in work]
    for thread in threads:
        thread.start()
    restarts = [_round(servers, chance, options) for _ in range(options.rounds)]
    stop.set()
    for thread in threads:
        thread.join()
    parity = _in(tenant, lambda: _parity(told))
    line = {
        "drill": "opensearch",
        "seed": options.seed,
        "nodes": options.nodes,
        "kills": options.rounds,
        "acknowledged": len(told.documents),
        "refused_writes": told.refused_writes,
        "lost": len(parity.missing),
        "stale": len(parity.stale),
        "orphans": len(parity.orphans),
        "searches_right": told.right,
        "searches_refused": told.refused,
        "searches_wrong": len(told.wrong),
        "wrong": told.wrong[:3],
        "longest_refusal_s": round(told.longest_refusal_s, 1),
        "search_ms_p50": round(1000 * sorted(told.latencies)[len(told.latencies) // 2], 1) if told.latencies else None,
        "node_back_s": [round(each, 1) for each in restarts],
    }
    print(json.dumps(line), flush=True)
    return 0 if parity.holds and not told.wrong and told.right else 1


def _round(servers: list[Any], chance: random.Random, options: argparse.Namespace) -> float:
    """Load, a kill in it, load without the node, and the node back; the seconds until it was."""
    time.sleep(chance.uniform(0.5, 1.0) * options.seconds)
    victim = chance.choice(servers)
    victim.kill()
    time.sleep(options.seconds)
    began = time.monotonic()
    victim.launch()
    victim.await_answer(len(servers))
    back = time.monotonic() - began
    _await_copies(victim.url)  # a second kill meanwhile might take the only copy: then it is refused until it is back
    return back


def _await_copies(url: str) -> None:
    limit = time.monotonic() + 300
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(f"{url}/_cluster/health", timeout=10) as answer:
                if json.load(answer)["status"] == "green":
                    return
        except OSError:
            pass
        time.sleep(0.5)


def _in(tenant: UUID, act: Callable[[], Any]) -> Any:
    from django.db import connections

    from foundation.kernel.scope import tenant_scope

    try:
        with tenant_scope(tenant):
            return act()
    finally:
        connections.close_all()


def _first(tenant: UUID, told: Told) -> None:
    """The index, made while all nodes stand."""
    _in(tenant, lambda: _put(told, _batch(0)))


def _batch(number: int) -> list[Any]:
    from tests.foundation.search.builders import document

    return [document(f"crate{number}x{at} stands on shelf{at}") for at in range(BATCH)]


def _put(told: Told, batch: list[Any]) -> None:
    from tests.foundation.search.builders import put

    put(*batch)
    told.documents += batch


def _write(told: Told, stop: threading.Event) -> None:
    from foundation.kernel.problems import Unavailable

    number = 0
    while not stop.is_set():
        number += 1
        batch = _batch(number)
        while True:  # to the end even when the load is over: what was begun is owed
            try:
                _put(told, batch)
                break
            except Unavailable:
                told.refused_writes += 1
                time.sleep(0.5)


def _search(told: Told, stop: threading.Event) -> None:
    """For something that was acknowledged before: it is found, or the question is refused."""
    from foundation.kernel.problems import Unavailable

    refused_since = None
    while not stop.is_set():
        number = random.randrange(len(told.documents))
        began = time.monotonic()
        try:
            found = _found(number)
        except Unavailable:
            told.refused += 1
            refused_since = refused_since or began
            told.longest_refusal_s = max(told.longest_refusal_s, time.monotonic() - refused_since)
            time.sleep(0.2)
            continue
        refused_since = None
        told.latencies.append(time.monotonic() - began)
        if told.documents[number].id in found:
            told.right += 1
        else:
            told.wrong.append(f"{number} of {len(told.documents)} is not found")


def _found(number: int) -> set[UUID]:
    from tests.foundation.search.builders import plan, search

    return {hit.id for hit in search(plan(f"crate{number // BATCH}x{number % BATCH}", k=3))}


def _parity(told: Told) -> Any:
    from foundation.kernel.scope import tenant_transaction
    from foundation.search.engine import engine
    from foundation.search.port import Collection, Expected
    from tests.foundation.search.builders import generation

    expected = [Expected(one.id, one.version, one.rev, superseded=False) for one in told.documents]
    limit = time.monotonic() + 120
    while True:
        try:
            with tenant_transaction():
                return engine().parity(generation(), Collection.MEMORY, expected)
        except Exception:
            if time.monotonic() > limit:
                raise
            time.sleep(1.0)

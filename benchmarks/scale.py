"""How large, and how apart: one tenant as large as fits, and ten thousand tenants who never see each other.

`./dev bench scale [--only tenant|tenants|service] [--engines opensearch postgres] [--limit-minutes M] [--keep]`.

*tenant*: documents of one tenant (an index of its own on OpenSearch) in growing steps; at each, index rate, p50/p95,
heap, resident memory and disk. *tenants*: sizes by Zipf's law in pooled cells; then each question is made of another
tenant's document, its very terms and vector, so that a leak would come first. *service*: the same through the whole
search service, with texts and keys. Each part ends when its share of the time is over and says how far it came.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid5

import numpy as np

from benchmarks import synthetic
from benchmarks.engines import ENGINES, on
from benchmarks.ground import standing_on_a_cluster
from benchmarks.node import Node, own_node
from benchmarks.telling import Telling, percentile, timed

PREFIX = "mwbench"
PUT = 1000
QUESTIONS = 50
CONTROLS = 200
TOGETHER = 32  # questions of one asker
LARGEST = 2000  # documents of one tenant among many: a larger one has an index of its own


def run(args: list[str]) -> None:
    asked, telling = _arguments(args), Telling("scale")
    with (
        own_node(asked.heap) if "opensearch" in asked.engines else nullcontext(Node("")) as node,
        standing_on_a_cluster(
            durable=False,
            EMBEDDER="hash",
            OPENSEARCH_URL=node.url,
            OPENSEARCH_PREFIX=PREFIX,
            OPENSEARCH_TIMEOUT="60",
        ),
    ):
        parts = [part for part in ("tenants", "service", "tenant") if asked.only in (None, part)]
        for part, name in itertools.product(parts, asked.engines):
            until = time.monotonic() + 60 * asked.limit_minutes / (len(parts) * len(asked.engines))
            with on(name):
                {"tenant": _tenant, "tenants": _tenants, "service": _service}[part](name, asked, node, until, telling)
    if asked.keep:
        telling.keep(f"scale-{asked.only or 'all'}")


def _arguments(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench scale", description=__doc__)
    parser.add_argument("--only", choices=("tenant", "tenants", "service"))
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=["opensearch"])
    parser.add_argument("--limit-minutes", type=float, default=20)
    parser.add_argument("--steps", nargs="+", type=int, default=[50_000, 200_000, 500_000, 1_000_000])
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--documents", type=int, default=200_000, help="of all tenants together, about")
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--asked", type=int, default=1000, help="questions through the whole service")
    parser.add_argument("--heap", default="2g", help="of the OpenSearch node")
    parser.add_argument("--keep", action="store_true", help="write the lines to benchmarks/results")
    return parser.parse_args(args)


# One tenant


def _tenant(name: str, asked: argparse.Namespace, node: Node, until: float, telling: Telling) -> None:
    from django.test.utils import override_settings

    from foundation.kernel.ids import uuid7
    from foundation.kernel.scope import tenant_scope

    tenant, maker, stands = uuid7(), synthetic.Maker(21), 0
    with override_settings(OPENSEARCH_OWN_INDEX=[str(tenant)]), tenant_scope(tenant):
        plans = synthetic.Maker(22).plans(QUESTIONS)
        for step in asked.steps:
            added, seconds = _grow(maker, stands, step, until)
            stands += added
            if not added:
                break
            facts = {"documents": stands, "wanted": step, "docs_per_s": round(added / seconds)}
            telling.tell("one tenant", engine=name, **facts, **_asked(plans), **_size(name, node, f"{PREFIX}-own-*"))
            if stands < step:
                print(f"the time was over at {stands} documents", file=sys.stderr)
                break


def _grow(maker: synthetic.Maker, stands: int, step: int, until: float) -> tuple[int, float]:
    """Up to `step` documents; how many were added, and the seconds that putting them took (drawing them left out)."""
    seconds, at = 0.0, stands
    while at < step and time.monotonic() < until:
        documents = maker.documents(min(PUT, step - at), first=at)
        seconds += timed(synthetic.put, [documents])[0] / 1000
        at += len(documents)
        print(f"\r{at} documents, {(at - stands) / seconds:.0f}/s", end="", file=sys.stderr)
    print(file=sys.stderr)
    return at - stands, seconds


def _asked(plans: Sequence[Any]) -> dict[str, float]:
    synthetic.search(plans[0])
    taken = timed(synthetic.search, plans)
    return {"p50_ms": round(percentile(taken, 0.5), 1), "p95_ms": round(percentile(taken, 0.95), 1)}


def _size(name: str, node: Node, pattern: str) -> dict[str, int]:
    from benchmarks.engines import _postgres_bytes

    if name == "postgres":
        return {"disk_mb": _postgres_bytes() >> 20}
    return {**node.memory(), "disk_mb": node.disk(pattern) >> 20}


# Many tenants


@dataclass(frozen=True, slots=True)
class _Crowd:
    """Tenants with their sizes, whose each document is, and of each tenant a sample: what its neighbours ask for."""

    sizes: dict[UUID, int]
    owners: dict[UUID, UUID]
    samples: dict[UUID, list[Any]]

    def strange(self, asker: UUID, hits: Sequence[Any]) -> int:
        """How many of the hits are not the asker's."""
        return sum(self.owners.get(hit.id) != asker for hit in hits)


def _tenants(name: str, asked: argparse.Namespace, node: Node, until: float, telling: Telling) -> None:
    half = time.monotonic() + (until - time.monotonic()) / 2
    began, crowd = time.perf_counter(), _Crowd({}, {}, {})
    for size in _zipf_sizes(asked.tenants, asked.documents):
        if time.monotonic() > half:
            break
        _settle_one(crowd, size)
        print(f"\r{len(crowd.sizes)}/{asked.tenants} tenants", end="", file=sys.stderr)
    seconds, stands = time.perf_counter() - began, sum(crowd.sizes.values())
    facts = {"tenants": len(crowd.sizes), "wanted": asked.tenants, "documents": stands}
    largest = {"largest": max(crowd.sizes.values()), "docs_per_s": round(stands / seconds)}
    telling.tell("crowd", engine=name, **facts, **largest, **_size(name, node, f"{PREFIX}-pool-*"))
    telling.tell("cross-tenant", engine=name, **_cross(crowd, asked.queries, until))


def _zipf_sizes(tenants: int, documents: int) -> list[int]:
    """The largest first; everybody has one document at least."""
    shares = 1 / np.arange(1, tenants + 1)
    sizes = np.clip(np.round(shares * documents / shares.sum()), 1, LARGEST).astype(int)
    return [int(size) for size in sizes]


def _settle_one(crowd: _Crowd, size: int) -> None:
    from foundation.kernel.ids import uuid7
    from foundation.kernel.scope import tenant_scope

    tenant = uuid7()
    with tenant_scope(tenant):
        maker = synthetic.Maker(len(crowd.sizes))
        documents = [replace(one, id=_id(tenant, place)) for place, one in enumerate(maker.documents(size))]
        for at in range(0, size, PUT):
            synthetic.put(documents[at : at + PUT])
    crowd.sizes[tenant], crowd.samples[tenant] = size, documents[:2]
    crowd.owners.update((one.id, tenant) for one in documents)


def _id(tenant: UUID, place: int) -> UUID:
    return uuid5(tenant, str(place))


def _cross(crowd: _Crowd, queries: int, until: float) -> dict[str, Any]:
    """Questions made of others' documents, some of one asker together: none may be answered with them. As a control,
    the first are asked in the document's own tenant too, and judged as if the asker had got the answer: the judge must
    cry out."""
    draw, told, began = np.random.default_rng(31), Counter[str](), time.perf_counter()
    while told["queries"] < queries and time.monotonic() < until:
        asker, others = _drawn(crowd, draw, min(TOGETHER, queries - told["queries"]))
        targets = [crowd.samples[other][int(draw.integers(len(crowd.samples[other])))] for other in others]
        answers = _ask(asker, targets)
        told["queries"] += len(answers)
        told["hits"] += sum(map(len, answers))
        told["leaks"] += sum(crowd.strange(asker, hits) for hits in answers)
        for other, target in zip(others[: CONTROLS - told["controls"]], targets, strict=False):
            told["controls"] += 1
            told["controls_seen"] += crowd.strange(asker, *_ask(other, [target])) > 0
        print(f"\r{told['queries']}/{queries} questions, {told['leaks']} leaks", end="", file=sys.stderr)
    if told["controls_seen"] < told["controls"]:
        raise RuntimeError(f"the judge is blind: {told}")
    names = ("queries", "hits", "leaks", "controls", "controls_seen")
    rate = round(told["queries"] / (time.perf_counter() - began))
    return {**{name: told[name] for name in names}, "wanted": queries, "questions_per_s": rate}


def _drawn(crowd: _Crowd, draw: np.random.Generator, count: int) -> tuple[UUID, list[UUID]]:
    """An asker, and that many others."""
    tenants = list(crowd.sizes)
    asker, *others = (tenants[int(place)] for place in draw.choice(len(tenants), size=count + 1, replace=False))
    return asker, others


def _ask(tenant: UUID, targets: Sequence[Any]) -> list[list[Any]]:
    """What `tenant` gets for questions of the very terms and vectors of these documents."""
    from foundation.kernel.scope import tenant_scope, tenant_transaction
    from foundation.search.engine import engine

    terms = [dict.fromkeys(target.terms, 1.0) for target in targets]
    plans = [replace(_blank(), terms=each, vector=one.vector) for each, one in zip(terms, targets, strict=True)]
    with tenant_scope(tenant), tenant_transaction(), engine().searching(plans) as found:
        return list(found)


def _blank() -> Any:
    """Every tenant's first generation has the same number."""
    from foundation.search.port import Plan

    at = synthetic.START.replace(month=10)
    return Plan(generation=1, spaces=None, roles=frozenset({"agent"}), terms={}, vector=None, at=at)


# The whole service


def _service(name: str, asked: argparse.Namespace, node: Node, until: float, telling: Telling) -> None:
    """Twenty tenants with ten memories each, asked by each other: by words, and by naming each other's spaces."""
    from benchmarks.governed import Governed
    from benchmarks.search import _sentences

    texts = _sentences(200)
    tenants = [Governed(texts) for _ in range(20)]
    for place, tenant in enumerate(tenants):
        tenant.write(range(place * 10, place * 10 + 10))
    told = Counter[str]()
    for asker, other, number in _pairs(asked.asked):
        if time.monotonic() > until:
            break
        told.update(_seen(tenants[asker], tenants[other], asker, other * 10 + number))
    if told["controls_seen"] < told["controls"]:
        raise RuntimeError(f"the judge is blind: {dict(told)}")
    names = ("queries", "found", "leaks", "spaces_refused", "controls", "controls_seen")
    telling.tell("service", engine=name, **{name: told[name] for name in names}, wanted=asked.asked)


def _pairs(count: int) -> Iterator[tuple[int, int, int]]:
    draw = np.random.default_rng(41)
    for _ in range(count):
        asker, other = draw.choice(20, size=2, replace=False)
        yield int(asker), int(other), int(draw.integers(10))


def _seen(asker: Any, other: Any, place: int, number: int) -> Iterator[str]:
    """What came of one question: about another tenant's text, then of that tenant's space by its id."""
    from foundation.kernel.problems import NotFound

    own = set(asker.texts[place * 10 : place * 10 + 10])
    found = asker.texts_found(asker.texts[number])
    yield "queries"
    yield from ["found"] * len(found)
    yield from ["leaks"] * sum(text not in own for text in found)
    try:
        asker.texts_found(asker.texts[number], space=other.space)
        yield "leaks"
    except NotFound:
        yield "spaces_refused"
    yield "controls"
    if any(text not in own for text in other.texts_found(asker.texts[number])):
        yield "controls_seen"

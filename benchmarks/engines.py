"""Both engines on the same records: what they find, what it costs, and what an asker never sees.

`./dev bench engines [--records N] [--only PART ...] [--keep]` on a PostgreSQL and an OpenSearch node of its own.
LoCoMo's turns (when the data is there): *recall* of the plain recipe (nothing hidden, no database) and of each engine.
N made-up records: *speed*, i.e. index rate, p50/p95 in rounds that take turns, disk, and how far scores lie apart for
the same plan. *visibility*: the same random puts, supersessions, holds and removals on both, and every plan's answer
compared. *permitted*: answers within permitted spaces are those of a store that holds nothing else.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import numpy as np

from benchmarks import synthetic
from benchmarks.ground import standing_on_a_cluster
from benchmarks.node import Node, own_node
from benchmarks.telling import Spread, Telling, percentile, timed

ENGINES = ("postgres", "opensearch")
ROUNDS = 5
QUESTIONS = 60
PARTS = ("speed", "recall", "visibility", "permitted")
Answers = Sequence[Sequence[Any]]


def run(args: list[str]) -> None:
    options, telling = _options(args), Telling("engines")
    settings = {"OPENSEARCH_PREFIX": "mwbench", "OPENSEARCH_TIMEOUT": "30"}
    with (
        own_node() as node,
        standing_on_a_cluster(
            durable=False, EMBEDDER="benchmarks.kept_vectors.Kept", OPENSEARCH_URL=node.url, **settings
        ),
    ):
        if "speed" in options.only:  # first: it counts the bytes of everything that stands
            _speed(options.records, node, telling)
        parts = {"recall": _quality, "visibility": _visibility, "permitted": _permitted}
        for name in [name for name in parts if name in options.only]:
            parts[name](telling)
    if options.keep:
        telling.keep(f"engines-{options.records}")


@contextmanager
def on(name: str) -> Iterator[None]:
    """Everything within is done by that engine."""
    from django.test.utils import override_settings

    with override_settings(SEARCH_ENGINE=name):
        yield


# Quality


def _quality(telling: Telling) -> None:
    from benchmarks import locomo

    if not locomo.DATA.exists():
        print(f"engines: {locomo.DATA} is not there; quality was not measured", file=sys.stderr)
        return
    conversations = locomo.load(locomo.DATA)
    found = {"plain": _asked_each(conversations, locomo.Plain(conversations).search)}
    fills = {name: _filled(name, conversations) for name in ENGINES}
    found |= {name: _asked_each(conversations, fill) for name, fill in fills.items()}
    for name, recalls in found.items():
        five, ten = (round(100 * float(np.mean(column)), 2) for column in zip(*recalls.values(), strict=True))
        telling.tell("recall", engine=name, questions=len(recalls), recall_at_5=five, recall_at_10=ten)


def _filled(name: str, conversations: Any) -> Callable[[Any, str], Sequence[str]]:
    from benchmarks import locomo

    with on(name):
        search = locomo._fill(conversations)

    def find(conversation: Any, question: str) -> Sequence[str]:
        with on(name):
            return search(conversation, question)

    return find


def _asked_each(conversations: Any, find: Callable[[Any, str], Sequence[str]]) -> dict[Any, tuple[float, float]]:
    """Recall at 5 and at 10 of each question of categories 1 to 4."""
    return {
        (conversation.name, place): _recall(list(find(conversation, one.question)), one.evidence)
        for conversation in conversations
        for place, one in enumerate(conversation.questions)
        if one.category != 5
    }


def _recall(found: Sequence[str], evidence: frozenset[str]) -> tuple[float, float]:
    return len(evidence & set(found[:5])) / len(evidence), len(evidence & set(found[:10])) / len(evidence)


# Speed and size


def _speed(records: int, node: Node, telling: Telling) -> None:
    from foundation.kernel.ids import uuid7

    tenants, rates = {name: uuid7() for name in ENGINES}, dict[str, Spread]()
    latencies: dict[str, list[list[float]]] = {name: [] for name in ENGINES}
    answers: dict[str, Answers] = {}
    for name in ENGINES:
        with on(name):
            rates[name] = Spread(tuple(_written(tenants[name], records)))
    for _ in range(ROUNDS):
        for name in ENGINES:
            with on(name):
                taken, answers[name] = _searched(tenants[name])
                latencies[name].append(taken)
    size = {"postgres": _postgres_bytes(), "opensearch": node.disk("mwbench-*")}
    for name in ENGINES:
        p50, p95 = (Spread(tuple(percentile(r, share) for r in latencies[name])).told() for share in (0.5, 0.95))
        facts = {"docs_per_s": rates[name].told(0), "p50_ms": p50, "p95_ms": p95}
        telling.tell("speed", engine=name, records=records, **facts, bytes_a_record=round(size[name] / records))
    telling.tell("same plan", records=records, **_apart(answers))


def _written(tenant: UUID, records: int) -> Iterator[float]:
    """Documents a second, batch by batch of 500, encoding left out."""
    from foundation.kernel.scope import tenant_scope

    with tenant_scope(tenant):
        maker = synthetic.Maker(7)
        for at in range(0, records, 500):
            documents = maker.documents(min(500, records - at), first=at)
            yield len(documents) * 1000 / timed(synthetic.put, [documents])[0]


def _searched(tenant: UUID) -> tuple[list[float], Answers]:
    from foundation.kernel.scope import tenant_scope

    with tenant_scope(tenant):
        plans = synthetic.Maker(11).plans(QUESTIONS)
        synthetic.search(plans[0])
        return timed(synthetic.search, plans), [synthetic.search(plan) for plan in plans]


def _postgres_bytes() -> int:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE search_entry, search_scope, search_counter")
        tables = ("search_entry", "search_scope", "search_counter")
        cursor.execute(f"SELECT {' + '.join(f'pg_total_relation_size({table!r})' for table in tables)}")
        return int(cursor.fetchone()[0])


def _apart(answers: Mapping[str, Answers]) -> dict[str, Any]:
    """How far one plan's scores lie apart, and how often the fused order of the first ten is the same."""
    from foundation.search.fusion import fuse
    from foundation.search.priors import with_priors

    relative, same, shared, pairs = 0.0, 0, 0, list(zip(*answers.values(), strict=True))
    for one, other in pairs:
        there = {(hit.id, hit.version): hit for hit in other}
        for hit in one:
            if twin := there.get((hit.id, hit.version)):
                relative = max(relative, _relative(hit.lexical, twin.lexical), _relative(hit.dense, twin.dense))
        best, others = ([each.id for each in with_priors(fuse(hits))[:10]] for hits in (one, other))
        same += best == others
        shared += len(set(best) & set(others))
    return {
        "plans": len(pairs),
        "scores_apart_percent": round(100 * relative, 4),
        "same_top_10": same,
        "top_10_overlap": round(shared / (10 * len(pairs)), 4),
    }


def _relative(one: float | None, other: float | None) -> float:
    """Of the greater; scores of next to nothing are half precision's, not the engine's."""
    one, other = one or 0.0, other or 0.0
    return abs(one - other) / max(abs(one), abs(other), 0.05)


# Visibility


def _visibility(telling: Telling, acts: int = 400) -> None:
    from foundation.kernel.ids import uuid7

    seen: dict[str, list[set[Any]]] = {}
    for name in ENGINES:
        with on(name):
            seen[name] = _lived(uuid7(), acts)
    pairs = list(zip(*seen.values(), strict=True))
    differ = sum(one != other for one, other in pairs)
    telling.tell("visibility", acts=acts, answers=len(pairs), differing=differ, found=sum(len(one) for one, _ in pairs))


def _lived(tenant: UUID, acts: int) -> list[set[Any]]:
    """The same life of 60 records on the engine in force; what every tenth moment finds."""
    from foundation.kernel.scope import tenant_scope

    draw, seen = np.random.default_rng(3), list[set[Any]]()
    with tenant_scope(tenant):
        maker = synthetic.Maker(5)
        documents, plans = maker.documents(60), [replace(plan, k=60) for plan in maker.plans(3)]
        for act in range(acts):
            _do(draw, documents[int(draw.integers(60))], rev=act + 1)
            if act % 10 == 9:
                seen += [{(hit.id, hit.version) for hit in synthetic.search(plan)} for plan in plans]
    return seen


def _do(draw: np.random.Generator, document: Any, rev: int) -> None:
    from foundation.kernel.clock import now
    from foundation.kernel.scope import tenant_transaction
    from foundation.search.engine import engine
    from foundation.search.port import Key

    match draw.choice(["put", "held", "superseded", "expired", "removed"], p=[0.5, 0.15, 0.1, 0.1, 0.15]):
        case "removed":
            key = Key(document.collection, document.id, document.version, rev)
            with tenant_transaction():
                engine().remove([key])
            engine().settle([key])
        case "held":
            synthetic.put([replace(document, rev=rev, state="held")])
        case "superseded":
            synthetic.put([replace(document, rev=rev, superseded_at=now())])
        case "expired":
            synthetic.put([replace(document, rev=rev, expires_at=document.recorded_at)])
        case _:
            synthetic.put([replace(document, rev=rev)])


# What is permitted


def _permitted(telling: Telling, records: int = 3000) -> None:
    """Of ten spaces, three are permitted; a second tenant holds only these. Two more share the pool: their records too
    are what a graph leads through."""
    from foundation.kernel.ids import uuid7

    permitted = frozenset(synthetic.space(number) for number in (1, 4, 7))
    for name in ENGINES:
        with on(name):
            for _ in range(2):
                list(_written(uuid7(), records))
            whole, only = (_answers(uuid7(), permitted, records, keep) for keep in (None, permitted))
        forbidden = sum(space not in permitted for answer in whole for *_, space in answer)
        equal = sum([one[:2] for one in a] == [other[:2] for other in b] for a, b in zip(whole, only, strict=True))
        found = sum(len(answer) for answer in whole)
        telling.tell("permitted", engine=name, answers=len(whole), equal=equal, hits=found, forbidden=forbidden)


def _answers(tenant: UUID, permitted: frozenset[UUID], records: int, keep: Any) -> list[list[tuple[UUID, float, UUID]]]:
    """The first twenty of each question as (id, score, space); `keep`: the spaces whose records are written at all."""
    from foundation.kernel.scope import tenant_scope
    from foundation.search.fusion import fuse
    from foundation.search.priors import with_priors

    with tenant_scope(tenant):
        maker = synthetic.Maker(13, spaces=10)
        documents = maker.documents(records)
        spaces = {document.id: document.space_id for document in documents}
        for at in range(0, records, 500):
            synthetic.put([one for one in documents[at : at + 500] if keep is None or one.space_id in keep])
        plans = [replace(plan, spaces=permitted) for plan in maker.plans(QUESTIONS)]
        found = [with_priors(fuse(synthetic.search(plan)))[:20] for plan in plans]
        return [[(each.id, round(each.score, 6), spaces[each.id]) for each in answer] for answer in found]


def _options(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench engines", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--keep", action="store_true", help="write the lines to benchmarks/results")
    return parser.parse_args(args)

"""Recall on LoCoMo's conversations: one turn is one memory, one conversation one space.

`python -m benchmarks locomo [--data DIR] [--embedder minilm|hash]` compares the blind engine with the same recipe on
plain stems and unrotated vectors, in process. `--rest URL --key KEY [--pii keep|strict]` asks a running server instead
(the key must be an admin's: the run makes its policy and spaces), so guard, PII and policy are in it.

Recall is the share of a question's evidence turns among the first k results, averaged over questions; those without
evidence that exists are left out. By session: whether all sessions of the evidence are among the first five that the
results name (`all_5`), and any of them among the first ten (`any_10`). The headline is categories 1-4 as in the
literature; 5 (adversarial: asked about the wrong speaker) stands beside it. JSON lines go to stdout, a table to stderr.
"""

import argparse
import gzip
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import numpy as np

from benchmarks.ground import ROOT, standing_on_a_cluster

DATA = ROOT.parent / "shared" / "data" / "locomo" / "locomo_dev.json.gz"
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}
DEPTH = 150  # as a plan's
NAMES = UUID("6d656d77-7269-5400-8000-6c6f636f6d6f")


@dataclass(frozen=True, slots=True)
class Turn:
    dia_id: str
    speaker: str
    text: str
    session: str
    position: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    question: str
    category: int
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True)
class Conversation:
    name: str
    turns: list[Turn]
    questions: list[Asked]

    @property
    def space(self) -> UUID:
        return uuid5(NAMES, self.name)

    def id_of(self, turn: Turn) -> UUID:
        return uuid5(self.space, turn.dia_id)


# A searcher is given a conversation and a question and names the dia_ids it finds, best first.
Scores = tuple[float, float, float, float]  # recall at 5 and 10, all sessions in 5, any in 10
Searcher = Callable[[Conversation, str], Sequence[str]]


def run(args: list[str]) -> None:
    """Measure and print; exits 2, saying so, when the data is not there."""
    options = _options(args)
    conversations = load(options.data)
    if options.rest:
        from benchmarks.locomo_rest import searcher

        find, notes = searcher(conversations, options.rest, options.key, options.pii)
        _print_all("rest", conversations, find, **notes)
        return
    with standing_on_a_cluster(EMBEDDER=options.embedder):
        _print_all("plain", conversations, Plain(conversations).search)
        blind = _fill(conversations)
        _print_all("blind", conversations, blind)
        _print_all("blind, no priors", conversations, _without_priors(blind))


def load(path: Path) -> list[Conversation]:
    """The conversations of a LoCoMo file."""
    if not path.exists():
        print(f"locomo: {path} is not there; nothing was measured", file=sys.stderr)
        raise SystemExit(2)
    return [_conversation(sample) for sample in json.loads(gzip.decompress(path.read_bytes()))]


def _conversation(sample: dict[str, Any]) -> Conversation:
    talk = sample["conversation"]
    names = sorted((key for key in talk if re.fullmatch(r"session_\d+", key)), key=lambda key: int(key[8:]))
    turns = [turn for name in names for turn in _session(name, talk[name], talk[f"{name}_date_time"])]
    known = {turn.dia_id for turn in turns}
    questions = [
        Asked(qa["question"], qa["category"], frozenset(_evidence(qa["evidence"])) & known) for qa in sample["qa"]
    ]
    return Conversation(sample["sample_id"], turns, [asked for asked in questions if asked.evidence])


def _session(name: str, turns: Iterable[dict[str, Any]], date: str) -> Iterator[Turn]:
    at = datetime.strptime(date, "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
    for position, turn in enumerate(turns):
        yield Turn(turn["dia_id"], turn["speaker"], turn["text"], name, position, at)


def _evidence(named: Iterable[str]) -> Iterator[str]:
    for names in named:  # some name two turns in one string
        yield from re.split(r"[;\s]+", names)


def _fill(conversations: Sequence[Conversation]) -> Searcher:
    """Write every turn through the door to the blind index; a searcher over it."""
    from foundation.kernel.ids import uuid7
    from foundation.kernel.scope import tenant_scope, tenant_transaction
    from foundation.search import index
    from foundation.search.engine import engine

    tenant, names = uuid7(), {}
    with tenant_scope(tenant):
        for conversation in conversations:
            names |= {conversation.id_of(turn): turn.dia_id for turn in conversation.turns}
            documents = index.documents([_entry(conversation, turn) for turn in conversation.turns])
            with tenant_transaction():
                engine().put(documents)

    def search(conversation: Conversation, question: str) -> list[str]:
        with tenant_scope(tenant):
            plan = index.plan(question, spaces=[conversation.space], roles=[])
            with tenant_transaction():
                return [names[one.id] for one in index.search(plan)]

    return search


def _without_priors(search: Searcher) -> Searcher:
    from foundation.search import index

    def plainly(conversation: Conversation, question: str) -> Sequence[str]:
        kept, index.with_priors = index.with_priors, lambda results: results
        try:
            return search(conversation, question)
        finally:
            index.with_priors = kept

    return plainly


def _entry(conversation: Conversation, turn: Turn) -> Any:
    from foundation.search.index import Entry, searched_text
    from foundation.search.port import Collection

    return Entry(
        collection=Collection.MEMORY,
        space_id=conversation.space,
        id=conversation.id_of(turn),
        version=1,
        rev=1,
        state="active",
        kind="episodic",
        text=searched_text(turn.text, speaker=turn.speaker, at=turn.at),
        recorded_at=turn.at,
        valid_from=turn.at,
        session=turn.session,
        position=turn.position,
    )


class Plain:
    """The same recipe with nothing hidden: stems as they are, vectors as they are, double precision, no database."""

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        from foundation.search.analysis import stems
        from foundation.search.index import embed

        self.stems, self.embed = stems, embed
        self.numbers: dict[str, int] = defaultdict(lambda: len(self.numbers))
        self.stores = {conversation.name: self._store(conversation) for conversation in conversations}

    def _store(self, conversation: Conversation) -> tuple[list[dict[str, float]], Counter[str], np.ndarray]:
        texts = [_entry(conversation, turn).text for turn in conversation.turns]
        weights = [self._weights(text) for text in texts]
        return weights, Counter(stem for held in weights for stem in held), self.embed(texts).astype(np.float64)

    def _weights(self, text: str) -> dict[str, float]:
        from foundation.search.analysis import K1, MEAN_LENGTH, B

        found = self.stems(text)
        short = K1 * (1 - B + B * len(found) / MEAN_LENGTH)
        return {stem: count * (K1 + 1) / (count + short) for stem, count in Counter(found).items()}

    def search(self, conversation: Conversation, question: str) -> list[str]:
        from foundation.search.analysis import idf
        from foundation.search.fusion import fuse
        from foundation.search.marks import asks, speaker_of
        from foundation.search.port import Hit
        from foundation.search.priors import with_priors

        weights, frequencies, vectors = self.stores[conversation.name]
        asked = {s: n * idf(len(weights), frequencies[s]) for s, n in Counter(self.stems(question)).items()}
        lexical = np.array([sum(w * held.get(stem, 0.0) for stem, w in asked.items()) for held in weights])
        dense = vectors @ self.embed([question])[0]
        best = {*np.argsort(-dense)[:DEPTH], *(n for n in np.argsort(-lexical)[:DEPTH] if lexical[n] > 0)}
        turns = conversation.turns
        hits = [
            Hit(
                conversation.id_of(turns[n]),
                1,
                float(lexical[n]),
                float(dense[n]),
                turns[n].session.encode(),
                turns[n].position,
                {self.numbers[s]: w * weights[n][s] for s, w in asked.items() if s in weights[n]},
                not asked.keys().isdisjoint(self.stems(speaker_of(_entry(conversation, turns[n]).text))),
                asks(turns[n].text),
            )
            for n in sorted(best)
        ]
        names = {conversation.id_of(turn): turn.dia_id for turn in turns}
        return [names[one.id] for one in with_priors(fuse(hits))]


def _print_all(run_name: str, conversations: Sequence[Conversation], search: Searcher, **notes: Any) -> None:
    recalls: dict[int, list[Scores]] = defaultdict(list)
    for conversation in conversations:
        for asked in conversation.questions:
            recalls[asked.category].append(_recall(search(conversation, asked.question), asked.evidence))
    slices = {name: recalls[category] for category, name in CATEGORIES.items()}
    slices["1-4"] = [pair for category in (1, 2, 3, 4) for pair in recalls[category]]
    slices["1-5"] = slices["1-4"] + recalls[5]
    for name, pairs in slices.items():
        _print(run_name, name, pairs, notes)


def _recall(found: Sequence[str], evidence: frozenset[str]) -> Scores:
    sessions, wanted = list(dict.fromkeys(map(_session_of, found))), set(map(_session_of, evidence))
    at_5, at_10 = (len(evidence & set(found[:most])) / len(evidence) for most in (5, 10))
    return at_5, at_10, float(wanted <= set(sessions[:5])), float(not wanted.isdisjoint(sessions[:10]))


def _session_of(dia_id: str) -> str:
    """`D3` of `D3:14`."""
    return dia_id.partition(":")[0]


def _print(run_name: str, name: str, pairs: Sequence[Scores], notes: dict[str, Any]) -> None:
    at_5, at_10, all_5, any_10 = (round(100 * float(np.mean(column)), 1) for column in zip(*pairs, strict=True))
    sessions = f"sessions all@5 {all_5:5.1f}  any@10 {any_10:5.1f}"
    line = {"bench": "locomo", "run": run_name, "slice": name, "questions": len(pairs)}
    print(
        json.dumps({**line, "recall_at_5": at_5, "recall_at_10": at_10, "all_5": all_5, "any_10": any_10, **notes}),
        flush=True,
    )
    print(f"{run_name:18} {name:12} n={len(pairs):5}  R@5 {at_5:5.1f}  R@10 {at_10:5.1f}  {sessions}", file=sys.stderr)


def _options(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="locomo")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--rest", help="base URL of a running server")
    parser.add_argument("--key", help="an admin's API key on that server")
    parser.add_argument("--pii", choices=("keep", "strict"), default="keep")
    return parser.parse_args(args)

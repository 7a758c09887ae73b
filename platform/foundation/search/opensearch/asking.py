"""A question's way through OpenSearch: one request where the vocabulary is known, two where it is not.

The words' weights need the statistics, and the statistics are the node's to count. What was counted for the same asker
before is a good guess: the words are asked with guessed weights beside the counting itself. Candidates are scored with
what was counted now, whatever was guessed; and where a guess was further off than OpenSearch's nine bits, the words are
asked again. So a guess decides nothing but who stands beyond the depth of the plan, as nine bits do.

How many the asker may see decides how the nearest are found: up to `COMPARED` each of them is compared, and only beyond
that the graph is walked, which may miss some.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from foundation.kernel.problems import Unavailable
from foundation.search.analysis import weigh, witnesses
from foundation.search.marks import named
from foundation.search.opensearch import query
from foundation.search.opensearch.connection import RETRY_AFTER, Answer, Connection, Nonsense, whole
from foundation.search.opensearch.connection import field as told
from foundation.search.opensearch.documents import Candidate, candidates, halved
from foundation.search.port import Hit, Plan, Statistics

SPARE = 25
"""Candidates fetched beyond the plan's depth: nine bits and a graph may order the last ones wrongly, we do not."""
MOST = 10_000  # a page of OpenSearch's
COMPARED = 10_000  # the most neighbours it can be asked for
ASKERS = 512
VOCABULARY = 20_000
NINE_BITS = 0.004  # what `rank_features` may be off by


@dataclass(frozen=True, slots=True)
class Place:
    """Where the question is asked: one filling of one generation. `empty`: nothing was ever put."""

    tenant_id: UUID
    index: str
    build: UUID
    empty: bool


@dataclass(slots=True)
class _Known:
    documents: int = 0
    frequencies: dict[int, int] = field(default_factory=dict)


class Vocabulary:
    """What was counted last, for each asker's view. Kept in memory, keyed terms and numbers only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, _Known] = OrderedDict()

    def guess(self, view: bytes, terms: Iterable[int]) -> Statistics | None:
        """None unless each of `terms` was counted before."""
        with self._lock:
            known = self._known.get(view)
            if known is None or not all(term in known.frequencies for term in terms):
                return None
            self._known.move_to_end(view)
            return Statistics(known.documents, {term: known.frequencies[term] for term in terms})

    def documents(self, view: bytes) -> int | None:
        """How many there were; None where they were never counted."""
        with self._lock:
            known = self._known.get(view)
            return None if known is None else known.documents

    def learn(self, view: bytes, found: Statistics) -> None:
        with self._lock:
            known = self._known.setdefault(view, _Known())
            self._known.move_to_end(view)
            if len(known.frequencies) > VOCABULARY:
                known.frequencies.clear()
            known.documents = found.documents
            known.frequencies.update(found.frequencies)
            while len(self._known) > ASKERS:
                self._known.popitem(last=False)


def statistics(node: Connection, place: Place, plan: Plan) -> Statistics:
    """Counted now."""
    within = query.counted(plan, place.tenant_id, place.build)
    return _counted(_ask(node, place, _counting(within, plan)), plan)


def search(node: Connection, place: Place, plan: Plan, vocabulary: Vocabulary) -> list[Hit]:
    """Each arm's best by exact scores. Raises `Unavailable` unless the whole content was asked."""
    found, arms = _asked(node, place, plan, vocabulary)
    weights = weigh(plan.terms, found.documents, found.frequencies)
    late = {name: arm for name, arm in _arms(place, plan, weights, found.documents).items() if name not in arms}
    arms |= _ask(node, place, late)
    vector = None if plan.vector is None else halved(plan.vector)
    wanted = weights.keys() | plan.marks.all
    words, meaning = _hits(arms.get("words")), _hits(arms.get("meaning"))
    return _best(candidates(words, meaning, place.tenant_id, wanted, vector), weights, plan)


def _asked(node: Connection, place: Place, plan: Plan, vocabulary: Vocabulary) -> tuple[Statistics, dict[str, Answer]]:
    """The statistics, and the answers of the arms that could be asked beside the counting, on a good guess."""
    within = query.counted(plan, place.tenant_id, place.build)
    view = orjson.dumps(within)
    guessed = None if plan.in_the_past else vocabulary.guess(view, plan.terms)
    known = None if plan.in_the_past else vocabulary.documents(view)
    if known is None and not plan.terms:
        known = 0  # there are no words to ask for afterwards, and few is what most askers may see
    guess = weigh(plan.terms, guessed.documents, guessed.frequencies) if guessed else {}
    asked = {"beacon": query.whole(place.tenant_id, place.build), **_counting(within, plan)}
    answers = _ask(node, place, asked | _arms(place, plan, guess, known))
    if not place.empty and _number(answers["beacon"]) != 1:
        raise Unavailable("The search index is being rebuilt.", retry_after=RETRY_AFTER)
    found = _counted(answers, plan)
    if not plan.in_the_past:
        vocabulary.learn(view, found)
    good = {
        "words": _near(guess, weigh(plan.terms, found.documents, found.frequencies)),
        "meaning": known is not None and _neighbours(plan, known) >= _neighbours(plan, found.documents),
    }
    return found, {name: answers[name] for name in good if good[name] and name in answers}


def _arms(place: Place, plan: Plan, weights: Mapping[int, float], documents: int | None) -> dict[str, query.Clause]:
    """Those arms of the plan that can be asked with the `weights` and the number of `documents` that are known."""
    arms, size, bounded = {}, _size(plan), query.bounds(plan, place.tenant_id, place.build)
    if weights:
        arms["words"] = query.lexical(bounded, weights, size, vectors=plan.vector is not None)
    if plan.vector is not None and documents is not None:
        arms["meaning"] = query.dense(bounded, halved(plan.vector), size, _neighbours(plan, documents))
    return arms


def _neighbours(plan: Plan, documents: int) -> int:
    """How many the graph is asked for. Lucene compares every document that may be found where they are no more."""
    return COMPARED if documents <= COMPARED else _size(plan)


def _near(guess: Mapping[int, float], exact: Mapping[int, float]) -> bool:
    return all(term in guess and abs(guess[term] - exact[term]) <= NINE_BITS * exact[term] for term in exact)


def _counting(within: query.Clause, plan: Plan) -> dict[str, query.Clause]:
    each = {"frequencies": query.frequencies(within, plan.terms)} if plan.terms else {}
    return {"total": query.total(within), **each}


def _counted(answers: Mapping[str, Answer], plan: Plan) -> Statistics:
    number = _number(answers["total"])
    if not plan.terms or not number:
        return Statistics(number, dict.fromkeys(plan.terms, 0))
    buckets = told(answers["frequencies"], "aggregations", "terms", "buckets")
    return Statistics(number, {term: told(buckets, str(term), "doc_count") for term in plan.terms})


def _size(plan: Plan) -> int:
    return min(plan.depth + SPARE, MOST)


def _ask(node: Connection, place: Place, asked: Mapping[str, query.Clause]) -> dict[str, Answer]:
    """The answers of one `_msearch` by the names of what was asked, each of them whole; nothing asked, none."""
    if not asked:
        return {}
    how = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    head = orjson.dumps({"index": place.index, "routing": place.tenant_id.hex, "ignore_unavailable": True}, option=how)
    body = b"".join(part for each in asked.values() for part in (head, orjson.dumps(each, option=how)))
    answer = node.call("POST", "/_msearch", body=body)
    answers = told(answer, "responses") if answer is not None else None
    if not isinstance(answers, list) or len(answers) != len(asked):
        raise Nonsense
    return {name: whole(each) for name, each in zip(asked, answers, strict=True)}


def _number(answer: Answer) -> int:
    """How many a count found; none where there is no index to count in."""
    return int(told(answer, "hits", "total", "value")) if told(answer, "_shards", "total") else 0


def _best(found: Sequence[Candidate], weights: Mapping[int, float], plan: Plan) -> list[Hit]:
    """Each arm's best by exact scores; every one of them with both its scores."""
    heaviest = frozenset(witnesses(weights))
    hits = [_hit(one, weights, heaviest, plan) for one in found]
    words = sorted((hit for hit in hits if hit.lexical), key=lambda hit: (-(hit.lexical or 0), hit.id, hit.version))
    meaning = sorted(
        (hit for hit in hits if hit.dense is not None), key=lambda hit: (-(hit.dense or 0), hit.id, hit.version)
    )
    return list({(hit.id, hit.version): hit for hit in (*words[: plan.depth], *meaning[: plan.depth])}.values())


def _hit(one: Candidate, weights: Mapping[int, float], heaviest: frozenset[int], plan: Plan) -> Hit:
    """In the precision PostgreSQL keeps: the inner product of its weights and the question's, and the summands."""
    shares = {term: one.held[term] * weight for term, weight in weights.items() if term in one.held}
    return Hit(
        one.id,
        one.version,
        sum(shares.values()),
        one.dense,
        one.group,
        one.position,
        {term: share for term, share in shares.items() if term in heaviest and share > 0},
        named(plan.marks, one.held),
        plan.marks.asks in one.held,
    )


def _hits(answer: Answer | None) -> list[Any]:
    hits: list[Any] = [] if answer is None else told(answer, "hits", "hits")
    return hits

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
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
TOGETHER = 32
"""Questions of one request."""
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


@dataclass(frozen=True, slots=True)
class _Guess:
    """A question with what is known of its vocabulary before it is counted."""

    plan: Plan
    within: query.Clause
    view: bytes
    weights: Mapping[int, float]
    documents: int | None

    @classmethod
    def of(cls, place: Place, plan: Plan, vocabulary: Vocabulary) -> "_Guess":
        within = query.counted(plan, place.tenant_id, place.build)
        view = orjson.dumps(within)
        guessed = None if plan.in_the_past else vocabulary.guess(view, plan.terms)
        known = None if plan.in_the_past else vocabulary.documents(view)
        if known is None and not plan.terms:
            known = 0  # there are no words to ask for afterwards, and few is what most askers may see
        weights = weigh(plan.terms, guessed.documents, guessed.frequencies) if guessed else {}
        return cls(plan, within, view, weights, known)

    def asked(self, place: Place) -> dict[str, query.Clause]:
        beacon = query.whole(place.tenant_id, place.build)
        arms = _arms(place, self.plan, self.weights, self.documents)
        return {"beacon": beacon, **_counting(self.within, self.plan), **arms}

    def good(self, found: Statistics, weights: Mapping[int, float]) -> set[str]:
        """The arms that may stand as they were asked: the guess was near enough to what was counted."""
        enough = self.documents is not None and _neighbours(self.plan, self.documents) >= _neighbours(
            self.plan, found.documents
        )
        return {name for name, is_good in (("words", _near(self.weights, weights)), ("meaning", enough)) if is_good}


def statistics(node: Connection, place: Place, plan: Plan) -> Statistics:
    """Counted now."""
    within = query.counted(plan, place.tenant_id, place.build)
    return _counted(_ask(node, place, [_counting(within, plan)])[0], plan)


def search_each(node: Connection, place: Place, plans: Sequence[Plan], vocabulary: Vocabulary) -> Iterator[list[Hit]]:
    """For each plan each arm's best by exact scores. Raises `Unavailable` unless the whole content was asked."""
    for at in range(0, len(plans), TOGETHER):
        yield from _together(node, place, plans[at : at + TOGETHER], vocabulary)


def _together(node: Connection, place: Place, plans: Sequence[Plan], vocabulary: Vocabulary) -> Iterator[list[Hit]]:
    guesses = [_Guess.of(place, plan, vocabulary) for plan in plans]
    answered = _ask(node, place, [guess.asked(place) for guess in guesses])
    found = [_found(place, *each, vocabulary) for each in zip(guesses, answered, strict=True)]
    weights = [weigh(plan.terms, one.documents, one.frequencies) for plan, one in zip(plans, found, strict=True)]
    good = [guess.good(one, own) for guess, one, own in zip(guesses, found, weights, strict=True)]
    late = _ask(
        node,
        place,
        [
            {name: arm for name, arm in _arms(place, plan, own, one.documents).items() if name not in stands}
            for plan, own, one, stands in zip(plans, weights, found, good, strict=True)
        ],
    )
    for plan, own, stands, first, then in zip(plans, weights, good, answered, late, strict=True):
        yield _merged(place, plan, own, {name: first[name] for name in stands if name in first} | then)


def _found(place: Place, guess: _Guess, answers: Mapping[str, Answer], vocabulary: Vocabulary) -> Statistics:
    if not place.empty and _number(answers["beacon"]) != 1:
        raise Unavailable("The search index is being rebuilt.", retry_after=RETRY_AFTER)
    found = _counted(answers, guess.plan)
    if not guess.plan.in_the_past:
        vocabulary.learn(guess.view, found)
    return found


def _merged(place: Place, plan: Plan, weights: Mapping[int, float], arms: Mapping[str, Answer]) -> list[Hit]:
    vector = None if plan.vector is None else halved(plan.vector)
    wanted = weights.keys() | plan.marks.all
    words, meaning = _hits(arms.get("words")), _hits(arms.get("meaning"))
    return _best(candidates(words, meaning, place.tenant_id, wanted, vector), weights, plan)


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


def _ask(node: Connection, place: Place, asked: Sequence[Mapping[str, query.Clause]]) -> list[dict[str, Answer]]:
    """For each of `asked` the answers by name, each of them whole, by one `_msearch`; what is asked twice goes once."""
    how = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    head = orjson.dumps({"index": place.index, "routing": place.tenant_id.hex, "ignore_unavailable": True}, option=how)
    named = [{name: orjson.dumps(clause, option=how) for name, clause in each.items()} for each in asked]
    bodies = list(dict.fromkeys(body for each in named for body in each.values()))
    if not bodies:
        return [{} for _ in asked]
    answer = node.call("POST", "/_msearch", body=b"".join(part for body in bodies for part in (head, body)))
    answers = told(answer, "responses") if answer is not None else None
    if not isinstance(answers, list) or len(answers) != len(bodies):
        raise Nonsense
    by_body = dict(zip(bodies, map(whole, answers), strict=True))
    return [{name: by_body[body] for name, body in each.items()} for each in named]


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

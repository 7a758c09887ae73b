"""A question's way through OpenSearch: one request where the vocabulary is known, two where it is not.

The words' weights need the statistics, and the statistics are the node's to count. What was counted for the same asker
before is a good guess: the words are asked with guessed weights beside the counting itself. Candidates are scored with
what was counted now, whatever was guessed; and where a guess was further off than OpenSearch's nine bits, the words are
asked again. So a guess decides nothing but who stands beyond the depth of the plan, as nine bits do.
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
    found, words, meaning = _asked(node, place, plan, vocabulary)
    weights = weigh(plan.terms, found.documents, found.frequencies)
    if plan.terms and words is None:
        [words] = _ask(node, place, [_words(place, plan, weights)])
    vector = None if plan.vector is None else halved(plan.vector)
    wanted = weights.keys() | plan.marks.all
    return _best(candidates(_hits(words), _hits(meaning), place.tenant_id, wanted, vector), weights, plan)


def _asked(
    node: Connection, place: Place, plan: Plan, vocabulary: Vocabulary
) -> tuple[Statistics, Answer | None, Answer | None]:
    """The statistics, and each arm's answer; no words' answer where their weights could not be guessed well."""
    within = query.counted(plan, place.tenant_id, place.build)
    view = orjson.dumps(within)
    guessed = None if plan.in_the_past else vocabulary.guess(view, plan.terms)
    asked = [query.whole(place.tenant_id, place.build)]
    if plan.terms:
        asked += _counting(within, plan)
    if guess := _weights(plan, guessed):
        asked.append(_words(place, plan, guess))
    if plan.vector is not None:
        asked.append(query.dense(_bounds(place, plan), halved(plan.vector), _size(plan)))
    beacon, *answers = _ask(node, place, asked)
    if not place.empty and _number(beacon) != 1:
        raise Unavailable("The search index is being rebuilt.", retry_after=RETRY_AFTER)
    meaning = answers.pop() if plan.vector is not None else None
    if not plan.terms:
        return Statistics(0, {}), None, meaning
    found = _counted(answers, plan)
    if not plan.in_the_past:
        vocabulary.learn(view, found)
    good = guess and _near(guess, weigh(plan.terms, found.documents, found.frequencies))
    return found, answers[-1] if good else None, meaning


def _weights(plan: Plan, guessed: Statistics | None) -> dict[int, float] | None:
    return weigh(plan.terms, guessed.documents, guessed.frequencies) if plan.terms and guessed else None


def _near(guess: Mapping[int, float], exact: Mapping[int, float]) -> bool:
    return all(abs(guess[term] - weight) <= NINE_BITS * weight for term, weight in exact.items())


def _counting(within: query.Clause, plan: Plan) -> list[query.Clause]:
    return [query.total(within), *([query.frequencies(within, plan.terms)] if plan.terms else [])]


def _counted(answers: Sequence[Answer], plan: Plan) -> Statistics:
    number = _number(answers[0])
    if not plan.terms or not number:
        return Statistics(number, dict.fromkeys(plan.terms, 0))
    buckets = told(answers[1], "aggregations", "terms", "buckets")
    return Statistics(number, {term: told(buckets, str(term), "doc_count") for term in plan.terms})


def _words(place: Place, plan: Plan, weights: Mapping[int, float]) -> query.Clause:
    return query.lexical(_bounds(place, plan), weights, _size(plan), vectors=plan.vector is not None)


def _bounds(place: Place, plan: Plan) -> query.Clause:
    return query.bounds(plan, place.tenant_id, place.build)


def _size(plan: Plan) -> int:
    return min(plan.depth + SPARE, MOST)


def _ask(node: Connection, place: Place, asked: Sequence[query.Clause]) -> list[Answer]:
    """The answers of one `_msearch`, each of them whole."""
    how = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY
    head = orjson.dumps({"index": place.index, "routing": place.tenant_id.hex, "ignore_unavailable": True}, option=how)
    body = b"".join(part for each in asked for part in (head, orjson.dumps(each, option=how)))
    answer = node.call("POST", "/_msearch", body=body)
    answers = told(answer, "responses") if answer is not None else None
    if not isinstance(answers, list) or len(answers) != len(asked):
        raise Nonsense
    return [whole(each) for each in answers]


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

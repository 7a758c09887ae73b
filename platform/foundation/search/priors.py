"""What the company of a result says of it: the turns around it, its session, and who speaks.

An answer often stands beside the turn that shares the question's words; a question's words are often spread over
several turns; what answers a turn that asks is the turn after it; and who is asked about has mostly said it. Only
candidates lend weight to others, and candidates are within what the asker may see: nothing that is withheld shows
through a score. A record without a session is a session of one turn, so that what stands alone is not outdone by turns
that merely have company. Measurements: `docs/decisions/search-recipe.md`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from foundation.search.fusion import Fused, ranked

Place = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares of a neighbour's, and of the session's best, fused score; the passage's words between the worst (0) and
    the best (1) passage; and what is added to a turn of a speaker the question names, and to one that asks."""

    previous: float = 0.1
    following: float = 0.1
    answer: float = 0.3  # on top of `previous`, where that turn asks
    session: float = 0.3
    passage: float = 0.5
    speaker: float = 0.2
    asks: float = -0.1


AROUND = (-2, -1, 0, 1, 2)
"""The turns that make a passage, from the one in the middle."""


@dataclass(slots=True)
class _Company:
    """The candidates by place. Of two at one place (versions, copies) the better score and the heavier words count."""

    scores: dict[Place, float] = field(default_factory=dict)
    words: dict[Place, Mapping[int, float]] = field(default_factory=dict)
    asking: set[Place] = field(default_factory=set)
    sessions: dict[bytes, float] = field(default_factory=lambda: defaultdict(float))


def with_priors(results: Sequence[Fused], weights: Weights = Weights()) -> list[Fused]:
    """The same results with their priors, best first."""
    company = _company(results)
    passages = [_passage(one, company) for one in results]
    best = max(passages, default=0.0)
    told = (
        _told(one, company, weights, passage / best if best else 0.0)
        for one, passage in zip(results, passages, strict=True)
    )
    return ranked([one.with_priors(added) if added else one for one, added in zip(results, told, strict=True)])


def _company(results: Sequence[Fused]) -> _Company:
    company = _Company()
    for one in results:
        group = one.group
        if group is None:
            continue
        if one.fused > company.sessions[group]:
            company.sessions[group] = one.fused
        if one.position is not None:
            _seat((group, one.position), one, company)
    return company


def _seat(place: Place, one: Fused, company: _Company) -> None:
    company.scores[place] = max(company.scores.get(place, 0.0), one.fused)
    there = company.words.get(place)
    company.words[place] = one.words if there is None else heaviest([there, one.words])
    if one.asks:
        company.asking.add(place)


def _passage(one: Fused, company: _Company) -> float:
    """The question's words in the turns around `one`, each as heavy as where it is heaviest."""
    if one.group is None or one.position is None:
        return sum(one.words.values())
    around = [words for step in AROUND if (words := company.words.get((one.group, one.position + step)))]
    return sum(heaviest(around).values())


def heaviest(each: Iterable[Mapping[int, float]]) -> Mapping[int, float]:
    """Every term of any, with its greatest weight."""
    found: dict[int, float] = {}
    for words in each:
        for term, weight in words.items():
            if weight > found.get(term, 0.0):
                found[term] = weight
    return found


def _told(one: Fused, company: _Company, weights: Weights, passage: float) -> dict[str, float]:
    told = {"speaker": weights.speaker} if one.named and weights.speaker else {}
    if session := weights.session * (one.fused if one.group is None else company.sessions[one.group]):
        told["session"] = session
    if passage and weights.passage:
        told["passage"] = weights.passage * passage
    if one.group is not None and one.position is not None:
        if neighbours := _neighbours((one.group, one.position), company, weights):
            told["neighbours"] = neighbours
        if one.asks and weights.asks:
            told["asks"] = weights.asks
    return told


def _neighbours(place: Place, company: _Company, weights: Weights) -> float:
    group, position = place
    before, after = (group, position - 1), (group, position + 1)
    from_before = weights.previous + weights.answer * (before in company.asking)
    return from_before * company.scores.get(before, 0.0) + weights.following * company.scores.get(after, 0.0)

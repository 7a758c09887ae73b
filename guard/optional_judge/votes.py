"""The judge's one vote among disputed memories. It may end a dispute; it never settles anything.

A good word for a hit counts like one more newcomer that says the same, a bad one like one more that says what its rival
says; the weight is a new source's trust times the judge's confidence, and all its words together are one group. A hit
that it lifts out of a dispute is served as provisional: a model is no second witness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from guard.optional_judge.opinion import Opinion, Word
from guard.standing import NEW_SOURCE, ReadHit, Standing, standing
from guard.types import Standing as Mark

GROUP = "judge"


def with_votes(
    hits: Sequence[ReadHit], judged: Sequence[Standing], opinions: Mapping[UUID, Opinion], query: str
) -> list[Standing]:
    """`judged` anew, with the opinions on disputed hits (by the hit's id). Only disputed hits can change."""
    votes = [vote for hit, each in zip(hits, judged, strict=True) for vote in _votes(hit, each, opinions, hits)]
    if not votes:
        return list(judged)
    anew = standing([*hits, *votes], query)[: len(hits)]
    return [_lifted(before, after) for before, after in zip(judged, anew, strict=True)]


def _votes(hit: ReadHit, judged: Standing, opinions: Mapping[UUID, Opinion], hits: Sequence[ReadHit]) -> list[ReadHit]:
    opinion = opinions.get(hit.id)
    if judged.standing is not Mark.DISPUTED or opinion is None or opinion.word is Word.UNSURE:
        return []
    if opinion.word is Word.BENIGN:
        return [_vote(hit, opinion)]
    rivals = [other for other in hits if other.id in judged.disputed_by]
    return [_vote(rival, opinion) for rival in rivals[:1]]


def _vote(hit: ReadHit, opinion: Opinion) -> ReadHit:
    return replace(hit, id=UUID(int=0), group=GROUP, trust=NEW_SOURCE * opinion.confidence, own_attested=False)


def _lifted(before: Standing, after: Standing) -> Standing:
    if before.standing is Mark.DISPUTED and after.standing is not Mark.DISPUTED:
        return replace(before, standing=Mark.PROVISIONAL, disputed_by=())
    return before

"""From two arms' scores to one: min-max fusion, the same code for every engine.

Measured on LoCoMo's turns: reciprocal rank fusion falls below its own BM25 arm; min-max with equal weights is 9 points
above both arms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

from foundation.search.port import NO_WORDS, Hit

LEXICAL_WEIGHT = 0.5
ALIKE = 1e-3
"""Scores no further apart than half precision puts them are one score, not a best and a worst."""
NO_PRIORS: Mapping[str, float] = MappingProxyType({})


class Fused(NamedTuple):
    """A result. `lexical` and `dense` are each arm's score between its worst (0) and best (1) candidate, `fused` is
    their weighted sum; `priors`, by name, is what its company added to that (module `priors`)."""

    id: UUID
    version: int
    lexical: float
    dense: float
    fused: float
    group: bytes | None = None
    position: int | None = None
    words: Mapping[int, float] = NO_WORDS
    named: bool = False
    asks: bool = False
    priors: Mapping[str, float] = NO_PRIORS

    def with_priors(self, priors: Mapping[str, float]) -> Fused:
        """The same result with these."""
        return Fused(*self[:-1], priors)

    @property
    def score(self) -> float:
        """What results are ordered by."""
        return self.fused + sum(self.priors.values()) if self.priors else self.fused


def fuse(hits: Sequence[Hit], *, lexical_weight: float = LEXICAL_WEIGHT) -> list[Fused]:
    """All candidates of both arms, best first; equal scores by id and version, so that every engine orders alike."""
    return ranked(unordered(hits, lexical_weight=lexical_weight))


def unordered(hits: Sequence[Hit], *, lexical_weight: float = LEXICAL_WEIGHT) -> list[Fused]:
    """As `fuse`, in the order of `hits`. A candidate that an arm did not bring counts as that arm's worst."""
    lexical = _between_worst_and_best([hit.lexical for hit in hits])
    dense = _between_worst_and_best([hit.dense for hit in hits])
    mine, theirs = lexical_weight, 1 - lexical_weight
    return [
        Fused(hit.id, hit.version, words, meaning, mine * words + theirs * meaning, *hit[4:])
        for hit, words, meaning in zip(hits, lexical, dense, strict=True)
    ]


def ranked(fused: Sequence[Fused]) -> list[Fused]:
    """Best first; scores equal to nine decimals are ordered by id and version."""
    scored = [(-round(one.score, 9), one.id, one.version, place) for place, one in enumerate(fused)]
    return [fused[place] for *_, place in sorted(scored)]


def _between_worst_and_best(scores: Sequence[float | None]) -> list[float]:
    brought = [score for score in scores if score is not None]
    worst, best = min(brought, default=0.0), max(brought, default=0.0)
    if best - worst <= ALIKE:  # they are all as good as the best, if it is any good at all
        return [0.0 if score is None or score <= 0 else 1.0 for score in scores]
    return [0.0 if score is None else (score - worst) / (best - worst) for score in scores]

"""Whether a new index generation may take the old one's place: it holds the same versions, and finds what that found.

Questions are sampled from the tenant's own records: half the words of each, so that a record is not found by being
repeated. For a re-key the answers must be alike, up to scores that half precision cannot tell apart. For another
embedder, meaning alone is asked, and the new one must find again a stated share of the records that the old one finds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import isclose
from uuid import UUID

from foundation.kernel.principal import Role
from foundation.kernel.scope import tenant_transaction
from foundation.search import index
from foundation.search.engine import engine
from foundation.search.fusion import fuse
from foundation.search.port import Collection, Generation, Hit, Parity
from governance import indexing
from governance.embeddings import Opened

SAMPLE = 64
K = 10
LEAST = 900
"""Per mille of what the old generation finds that one of another embedder must find, unless the operator says less."""
ALIKE = 980
"""Per mille of the answers that must be alike after a re-key: two stems may share a keyed id under one key alone."""
_NEAR = {"lexical": {"rel_tol": 1e-3, "abs_tol": 1e-5}, "dense": {"rel_tol": 0.0, "abs_tol": 4e-3}}
"""Scores no further apart are one score: weights have six digits, and both vectors are rotated into half precision."""
_ROLES = frozenset(Role)
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Difference:
    """How the new generation differs from the old one, both compared with the records."""

    records: frozenset[UUID]  # to be put again, or taken out
    lessons: bool
    same: bool  # whether both hold the same versions: only then are their answers comparable


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of `questions`: answered alike, and those whose record was among the first ten."""

    questions: int = 0
    alike: int = 0
    found_before: int = 0
    found_after: int = 0

    def pass_for(self, *, alike: bool, least: int) -> bool:
        """Whether the new generation is good enough; `alike` where the answers must be the same."""
        if alike:
            return self.alike * 1000 >= self.questions * ALIKE
        return self.found_after * 1000 >= self.found_before * least


def difference(old: Generation, new: Generation) -> Difference:
    """Compare both with the records, and with each other. What neither has yet is work under way, not a difference."""
    with tenant_transaction(snapshot=True):
        wanted = list(indexing.expected())
        before, after = (engine().parity(each, Collection.MEMORY, wanted) for each in (old, new))
        taught, learnt = (engine().parity(each, Collection.LESSON, ()).orphans for each in (old, new))
    wrong = (after.missing - before.missing) | (after.stale - before.stale) | (after.orphans - before.orphans)
    return Difference(frozenset(record for record, _ in wrong), taught != learnt, _same(before, after))


def compare(old: Generation, new: Generation) -> Figures:
    """Ask both the sampled questions, each pair of answers in one snapshot."""
    if not index.opens(old):
        return Figures()
    asked = [_asked(one, old, new) for one in indexing.sample(SAMPLE)]
    return Figures(
        questions=len(asked),
        alike=sum(alike for alike, _, _ in asked),
        found_before=sum(before for _, before, _ in asked),
        found_after=sum(after for _, _, after in asked),
    )


def alike(before: Sequence[Hit], after: Sequence[Hit], k: int = K) -> bool:
    """Whether both answers are the same up to ties: whatever both brought has the same scores, and in each arm the
    first `k` scores are the same. Which of many equals is among the candidates is chance, and no difference."""
    return _scored_alike(before, after) and all(
        _close(_best(before, arm, k), _best(after, arm, k), **near) for arm, near in _NEAR.items()
    )


def _scored_alike(before: Sequence[Hit], after: Sequence[Hit]) -> bool:
    there = {(hit.id, hit.version): hit for hit in after}
    pairs = [(hit, there[place]) for hit in before if (place := (hit.id, hit.version)) in there]
    for arm, near in _NEAR.items():
        scores = [(getattr(one, arm) or 0.0, getattr(other, arm) or 0.0) for one, other in pairs]
        if not _close([one for one, _ in scores], [other for _, other in scores], **near):
            return False
    return True


def _best(hits: Sequence[Hit], arm: str, k: int) -> list[float]:
    return sorted((score for hit in hits if (score := getattr(hit, arm))), reverse=True)[:k]


def _close(one: Sequence[float], other: Sequence[float], *, rel_tol: float, abs_tol: float) -> bool:
    return len(one) == len(other) and all(map(partial(isclose, rel_tol=rel_tol, abs_tol=abs_tol), one, other))


def _same(before: Parity, after: Parity) -> bool:
    return before.missing == after.missing and before.orphans == after.orphans


def _asked(one: Opened, old: Generation, new: Generation) -> tuple[bool, bool, bool]:
    """Alike, found before, found after. Asked again where an engine that is elsewhere changed between the two."""
    for _ in range(_ATTEMPTS):
        before, after = _answers(one, old, new)
        if same := alike(before, after):
            break
    place = (one.entry.id, one.entry.version)
    found = [place in [(each.id, each.version) for each in fuse(answer)[:K]] for answer in (before, after)]
    return same, found[0], found[1]


def _answers(one: Opened, old: Generation, new: Generation) -> tuple[list[Hit], list[Hit]]:
    plans = [_plan(one, each, by_meaning=old.embedder != new.embedder) for each in (old, new)]
    with tenant_transaction(snapshot=True):
        before, after = (engine().search(plan) for plan in plans)
    return before, after


def _plan(one: Opened, generation: Generation, *, by_meaning: bool) -> index.Plan:
    """A re-key is asked with the record's own embedding: no model is needed for it."""
    return index.plan(
        _half(one.entry.text),
        spaces=None,
        roles=_ROLES,
        k=K,
        words=not by_meaning,
        embedding=None if by_meaning else one.entry.by(generation.embedder),
        made_by=generation.embedder,
        generation=generation,
    )


def _half(text: str) -> str:
    words = text.split()
    return " ".join(words[len(words) // 2 :])

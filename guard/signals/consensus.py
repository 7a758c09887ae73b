"""`consensus`: typed values that clash with related memories of independent sources.

Only voices that outweigh the newcomer are counted: a settled record, an established source, or a claim on which two
independent groups agree and which no third disputes. One unknown against another is not a reason to hold either;
reading will show them as disputed. A source that says otherwise than it said before corrects itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guard.claims import Relation, compare
from guard.types import EvidenceItem, Path, Ref, Shape

ESTABLISHED = 0.5
FULL_LENGTH = 25
"""Up to so many content words a text is about one thing; in a longer one a clash means less and less."""


@dataclass(frozen=True, slots=True)
class Opposition:
    score: float
    items: tuple[EvidenceItem, ...]


def opposition(path: Path, items: tuple[EvidenceItem, ...]) -> Opposition:
    """0 without contradiction; else the similarity of the nearest clash, less what others agree with."""
    if path.shape is Shape.EPISODE:
        return Opposition(0.0, ())
    said = [item for item in items if item.path.shape is not Shape.EPISODE]
    judged = [(item, compare(path, item.path).relation) for item in said if not item.own]
    behind = {item.group for item, relation in judged if relation is Relation.AGREE}
    against = [item for item, relation in judged if relation is Relation.CONFLICT and item.group not in behind]
    settled = settled_among(said) if against else frozenset()
    heavy = [item for item in against if item.settled or item.trust >= ESTABLISHED or item.ref in settled]
    if _varies(heavy) or corrects(path, said, heavy):
        return Opposition(0.0, ())
    return Opposition(max((_weight(path, item) for item in heavy), default=0.0), tuple(heavy))


def corrects(path: Path, items: Sequence[EvidenceItem], rivals: Sequence[EvidenceItem]) -> bool:
    """Whether its own source held the other view before: it said otherwise, or agreed with those it now contradicts.

    Not if it did so just now: writing the truth first and the lie a minute later is no correction.
    """
    before = [item.path for item in items if item.own and not item.recent]
    return any(
        compare(path, old).relation is Relation.CONFLICT
        or any(compare(old, rival.path).relation is Relation.AGREE for rival in rivals)
        for old in before
    )


def settled_among(items: Sequence[EvidenceItem]) -> frozenset[Ref]:
    """The records with which another independent group agrees and that no independent group contradicts; the agreement
    of a group that also contradicts its friend is none.

    It depends on the items alone, not on their order, and a group that repeats itself is still one group.
    """
    agreeing: list[tuple[EvidenceItem, EvidenceItem]] = []
    against: dict[Ref, set[str]] = {}
    for place, one in enumerate(items):
        for other in items[:place]:
            if one.group != other.group:
                relation = compare(one.path, other.path).relation
                if relation is Relation.AGREE:
                    agreeing += [(one, other), (other, one)]
                elif relation is Relation.CONFLICT:
                    against.setdefault(one.ref, set()).add(other.group)
                    against.setdefault(other.ref, set()).add(one.group)
    return frozenset(
        one.ref for one, friend in agreeing if one.ref not in against and one.group not in against.get(friend.ref, ())
    )


def _weight(path: Path, item: EvidenceItem) -> float:
    length = max(FULL_LENGTH, len(path.relation), len(item.path.relation))
    return max(0.0, item.similarity) * FULL_LENGTH / length


def _varies(items: Sequence[EvidenceItem]) -> bool:
    """Admitted records that clash among themselves the same way show a slot that varies (receipts, readings): no
    claim.
    """
    return any(
        compare(one.path, other.path).relation is Relation.CONFLICT
        for place, one in enumerate(items)
        for other in items[:place]
        if one.group != other.group
    )

"""`consensus`: typed values that clash with related memories of independent sources.

Only voices that outweigh the newcomer are counted: a settled record, an established source, or two independent groups.
One unknown against another is not a reason to hold either; reading will show them as disputed.
"""

from __future__ import annotations

from dataclasses import dataclass

from guard.claims import Relation, compare
from guard.types import EvidenceItem, Path, Shape

ESTABLISHED = 0.5


@dataclass(frozen=True, slots=True)
class Opposition:
    score: float
    items: tuple[EvidenceItem, ...]


def opposition(path: Path, items: tuple[EvidenceItem, ...]) -> Opposition:
    """0 without contradiction; else the strongest clash (topic overlap x similarity), less what others agree with."""
    if path.shape is Shape.EPISODE:
        return Opposition(0.0, ())
    judged = [
        (item, compare(path, item.path)) for item in items if not item.own and item.path.shape is not Shape.EPISODE
    ]
    against = [(item, found.strength) for item, found in judged if found.relation is Relation.CONFLICT]
    behind = {item.group for item, found in judged if found.relation is Relation.AGREE}
    groups = {item.group for item, _ in against} - behind
    heavy = [
        (item, strength)
        for item, strength in against
        if item.group in groups and (item.settled or item.trust >= ESTABLISHED or len(groups) > 1)
    ]
    if _varies([item for item, _ in heavy]):
        return Opposition(0.0, ())
    score = max((strength * max(0.0, item.similarity) for item, strength in heavy), default=0.0)
    return Opposition(score, tuple(item for item, _ in heavy))


def _varies(items: list[EvidenceItem]) -> bool:
    """Admitted records that clash among themselves the same way show a slot that varies (receipts, readings): no
    claim.
    """
    return any(
        compare(one.path, other.path).relation is Relation.CONFLICT
        for place, one in enumerate(items)
        for other in items[:place]
        if one.group != other.group
    )

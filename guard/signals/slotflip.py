"""`slotflip`: the same question as an admitted record of another source, with the other outcome."""

from __future__ import annotations

from guard.claims import Relation, compare
from guard.types import EvidenceItem, Path

SAME = 0.8


def slotflips(path: Path, items: tuple[EvidenceItem, ...]) -> tuple[EvidenceItem, ...]:
    """The records it contradicts. A source that flips its own answer corrects itself, whoever agreed with the old."""
    if not (path.question and path.outcome):
        return ()
    rivals = [
        item
        for item in items
        if item.path.outcome and item.path.question and compare(path, item.path).relation is Relation.CONFLICT
    ]
    return (
        () if any(item.own and not item.recent for item in rivals) else tuple(item for item in rivals if not item.own)
    )

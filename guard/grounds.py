"""On what a verdict was given: numbers about the evidence, sealed in the decision record, and back from it.

The evidence's own texts stay where they are and are cited by [id, version]; when one was erased, its verdicts can no
longer be judged again, and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from guard.services.judge import detector
from guard.types import Calibration, Evidence, EvidenceItem, GuardPolicy, LessonMatch, Path, Ref


@dataclass(frozen=True, slots=True)
class Grounds:
    """What stood around a candidate. Groups are numbered: only which items share one matters."""

    items: tuple[tuple[Any, ...], ...]
    lessons: tuple[LessonMatch, ...]
    calibration: int
    policy: GuardPolicy
    forged: bool
    detector: str

    @classmethod
    def of(cls, evidence: Evidence, policy: GuardPolicy, *, forged: bool) -> Grounds:
        groups = {group: place for place, group in enumerate(dict.fromkeys(item.group for item in evidence.items))}
        items = tuple(_row(item, groups[item.group]) for item in evidence.items)
        return cls(items, evidence.lessons, evidence.calibration.version, policy, forged, detector())

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Grounds:
        policy = GuardPolicy(version=raw["policy"], alpha=raw["alpha"], neighbours=raw["neighbours"])
        lessons = tuple(LessonMatch(UUID(each[0]), *each[1:]) for each in raw["lessons"])
        items = tuple((UUID(each[0]), *each[1:]) for each in raw["items"])
        return cls(items, lessons, raw["calibration"], policy, raw["forged"], raw["detector"])

    def to_json(self) -> dict[str, Any]:
        return {
            "items": [[str(item[0]), *item[1:]] for item in self.items],
            "lessons": [[str(each.id), each.version, each.match, each.confidence] for each in self.lessons],
            "calibration": self.calibration,
            "policy": self.policy.version,
            "alpha": self.policy.alpha,
            "neighbours": self.policy.neighbours,
            "forged": self.forged,
            "detector": self.detector,
        }

    @property
    def refs(self) -> list[Ref]:
        return [(item[0], item[1]) for item in self.items]

    def evidence(self, paths: Mapping[Ref, Path], calibration: Calibration) -> Evidence:
        """The evidence as it was, given its paths. Raises `KeyError` for one that is no more."""
        items = tuple(_item(item, paths[item[0], item[1]]) for item in self.items)
        return Evidence(items, self.lessons, calibration)


def _row(item: EvidenceItem, group: int) -> tuple[Any, ...]:
    return (item.id, item.version, item.similarity, group, item.trust, item.own, item.settled, item.recent)


def _item(row: tuple[Any, ...], path: Path) -> EvidenceItem:
    id_, version, similarity, group, trust, own, settled, recent = row
    return EvidenceItem(id_, version, path, similarity, str(group), trust, own, settled, recent)

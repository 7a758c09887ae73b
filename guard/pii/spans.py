"""Overlapping findings become one: covering too much beats letting a half of something through."""

from collections.abc import Iterable
from dataclasses import dataclass

from guard.pii.entities import PRECEDENCE, SEVERE, Entity
from guard.pii.policy import Action, strictest


@dataclass(frozen=True, slots=True)
class Covered:
    """A stretch of one text, in characters of the original, and what is done with it."""

    type: Entity
    start: int
    end: int
    action: Action


def union(found: Iterable[Covered]) -> list[Covered]:
    """Merge what overlaps, in order. The strictest action holds; a severe type names the whole, else the longest."""
    groups: list[list[Covered]] = []
    end = -1
    for each in sorted(found, key=lambda covered: (covered.start, -covered.end)):
        if each.start < end:
            groups[-1].append(each)
        else:
            groups.append([each])
        end = max(end, each.end)
    return [_merged(group) for group in groups]


def _merged(group: list[Covered]) -> Covered:
    return Covered(
        min(group, key=_naming).type,
        group[0].start,
        max(each.end for each in group),
        strictest(each.action for each in group),
    )


def _naming(each: Covered) -> tuple[bool, int, int]:
    return (each.type not in SEVERE, 0 if each.type in SEVERE else each.start - each.end, PRECEDENCE[each.type])

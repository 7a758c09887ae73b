"""When a lesson may act: who saw it, who confirmed it, and what its replay over benign records said. Pure.

One attacker is one witness, however many sources he writes from: sightings that share a principal, a source, a speaker,
a parent document or a network are one group.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from guard.standing import Origin

ENOUGH_WITNESSES = 2
ENOUGH_BENIGN = 200
"""Benign records below which only a person's confirmation activates a lesson."""
TOLERATED = 0.005
"""The share of benign records a lesson may flag."""


class Replayed(StrEnum):
    """What the replay over the tenant's benign records said. `THIN`: too few of them to do without a person."""

    NONE = "none"
    PENDING = "pending"
    PASSED = "passed"
    THIN = "thin"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Replay:
    """How many benign records were tried, and how many of them the pattern flagged."""

    records: int
    flagged: int

    @property
    def state(self) -> Replayed:
        if self.flagged > TOLERATED * self.records:
            return Replayed.REFUSED
        return Replayed.PASSED if self.records >= ENOUGH_BENIGN else Replayed.THIN


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a lesson rests on: independent groups that were caught, people who confirmed it and who cleared it."""

    witnesses: int = 0
    confirmed: int = 0
    refuted: int = 0

    @property
    def vouched(self) -> bool:
        """Whether people's word carries it by itself."""
        return self.confirmed > self.refuted

    @property
    def sufficient(self) -> bool:
        """Whether there is enough to try it on benign records."""
        return self.vouched or (self.refuted == 0 and self.witnesses >= ENOUGH_WITNESSES)

    def may_act(self, replayed: Replayed) -> bool:
        """Whether it may become active after that replay."""
        if replayed is Replayed.PASSED:
            return self.sufficient
        return replayed is Replayed.THIN and self.vouched


def marks_of(origin: Origin) -> tuple[tuple[str, str], ...]:
    """Everything by which two sightings may turn out to be one witness; the principal always first."""
    host = origin.network or _host(origin.source)
    named = (
        ("principal", origin.principal_id),
        ("source", origin.source),
        ("user", origin.speaker.casefold()),
        ("root", origin.root),
        ("network", host.removeprefix("www.").lower()),
    )
    return tuple((kind, value) for kind, value in named if value)


def _host(source: str) -> str:
    try:
        return urlsplit(source).hostname or ""
    except ValueError:  # a caller's own words need not be an address
        return ""


def independent(sightings: Sequence[frozenset[bytes]]) -> int:
    """How many groups are left when sightings that share a mark, directly or through others, are joined."""
    groups: list[set[bytes]] = []
    for marks in sightings:
        touched = [group for group in groups if group & marks]
        groups = [group for group in groups if not group & marks]
        groups.append(set(marks).union(*touched))
    return len(groups)

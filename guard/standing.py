"""Standing at reading: what a memory is worth among the others that answer the same question.

Hits are partitioned by their claims; one trust-weighted vote per independence group. Nothing is deleted: a poisoned
claim and its honest rival both come back, marked. Settled means two independent groups agree and no rival weighs in,
or that the memory is its owner's to state. Who speaks on both sides of a claim is a witness to neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from urllib.parse import urlsplit
from uuid import UUID

from guard.claims import MARGIN, Relation
from guard.partition import Relations, Voice, relations_of
from guard.paths import ASSISTANT, OWN_TYPES
from guard.types import Effect, Path, Shape
from guard.types import Standing as Mark

NEW_SOURCE = 0.3
BURST = 60.0
NEWCOMERS_CAP = 0.44
"""All groups that are still new weigh together less than MARGIN times one of them: many fresh names outvote nobody."""


@dataclass(frozen=True, slots=True)
class ReadHit:
    """One hit as it is to be judged. `own_attested`: the memory's own principal or user stated it, by
    `own_attested()`.
    """

    id: UUID
    version: int
    path: Path
    score: float
    group: str
    trust: float = NEW_SOURCE
    own_attested: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    id: UUID
    version: int
    standing: Mark
    trust: float
    disputed_by: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceHistory:
    """What a source's trust grows from: its `age`, outcomes reported for its records, and independent agreement."""

    age: timedelta = timedelta(0)
    confirmed: int = 0
    refuted: int = 0
    corroborated_by: int = 0


def standing(hits: Sequence[ReadHit], query: str = "") -> list[Standing]:
    """The standing of every hit, in the order given. With the `query`, claims are its answers; give it when there is
    one.

    A hit's standing depends on the other hits and the query alone, not on their order.
    """
    relations = relations_of([Voice(hit.path, hit.trust) for hit in hits], query)
    sides = _sides(relations, len(hits))
    return [_stand(index, hits, sides) for index in range(len(hits))]


@dataclass(frozen=True, slots=True)
class _Side:
    """How the others relate to one hit, by their places among the hits, in order: each stands in one list at most."""

    agree: list[int] = field(default_factory=list)
    conflict: list[int] = field(default_factory=list)
    doubt: list[int] = field(default_factory=list)


def _sides(relations: Relations, count: int) -> list[_Side]:
    sides = [_Side() for _ in range(count)]
    for (one, other), relation in relations.items():
        if relation is Relation.AGREE:
            sides[one].agree.append(other)
        elif relation is Relation.CONFLICT:
            sides[one].conflict.append(other)
        elif relation is Relation.DOUBT:
            sides[one].doubt.append(other)
    return sides


def _stand(index: int, hits: Sequence[ReadHit], sides: Sequence[_Side]) -> Standing:
    hit, side = hits[index], sides[index]
    against_it = {other for one in (index, *side.agree) for other in sides[one].conflict}
    # One source saying something new about what it said before has changed its mind; that is no dispute.
    rivals = {other for other in against_it if hits[other].group != hit.group}
    agreeing = [other for other in side.agree if other not in rivals]
    witnesses = {hits[other].group for other in agreeing if not _on_both_sides(index, other, hits, sides)}
    against = _weigh(hits[other] for other in rivals)
    backing = _weigh([hit, *(hits[other] for other in agreeing)])
    mark = _mark(hit, {hit.group, *witnesses}, backing, against)
    if mark is Mark.SETTLED and not _own(hit) and backing < MARGIN * _doubts(index, hits, sides):
        mark = Mark.PROVISIONAL
    disputed = tuple(sorted(hits[other].id for other in rivals)) if mark is Mark.DISPUTED else ()
    return Standing(hit.id, hit.version, mark, round(hit.trust, 3), disputed)


def _on_both_sides(index: int, friend: int, hits: Sequence[ReadHit], sides: Sequence[_Side]) -> bool:
    """Whether the source of one of two records that agree also contradicts the other: then its agreement is worth
    nothing, for of many wordings of a lie one always agrees with the truth by chance.
    """
    return _contradicts(index, friend, hits, sides) or _contradicts(friend, index, hits, sides)


def _contradicts(one: int, other: int, hits: Sequence[ReadHit], sides: Sequence[_Side]) -> bool:
    """Whether another record of the group of `one` answers otherwise than `other`: by a voice of like trust, for a
    borrowed name must not silence its owner.
    """
    mine = hits[one]
    return any(
        hits[third].group == mine.group and MARGIN * hits[third].trust > mine.trust
        for third in (*sides[other].conflict, *sides[other].doubt)
    )


def _doubts(index: int, hits: Sequence[ReadHit], sides: Sequence[_Side]) -> float:
    """What those of other groups weigh who say something else from farther off: enough not to settle a claim, too
    little to dispute it.
    """
    return _weigh(hits[other] for other in sides[index].doubt if hits[other].group != hits[index].group)


def _mark(hit: ReadHit, groups: set[str], backing: float, against: float) -> Mark:
    if against and backing < MARGIN * against:
        return Mark.DISPUTED
    if _own(hit) or (len(groups) > 1 and not _needs_owner(hit)):
        return Mark.SETTLED
    return Mark.PROVISIONAL


def _own(hit: ReadHit) -> bool:
    """A user's own preference, or an agent's own read-only, grounded episode: nobody else could witness it."""
    if not hit.own_attested:
        return False
    if hit.path.shape is Shape.EPISODE:
        return "grounded" in hit.path.hints and hit.path.effect in (Effect.NONE, Effect.READ)
    return "own" in hit.path.hints


def _needs_owner(hit: ReadHit) -> bool:
    """Payments, credentials, consent and deletion settle on the owner's word only, and no action that changes things
    on anyone's.
    """
    grave = any(hint.startswith("high-impact") for hint in hit.path.hints)
    acting = hit.path.shape is Shape.EPISODE and hit.path.effect not in (Effect.NONE, Effect.READ)
    return (
        (grave and not hit.own_attested)
        or acting
        or (hit.path.shape is Shape.EPISODE and "grounded" not in hit.path.hints)
    )


def _weigh(hits: Iterable[ReadHit]) -> float:
    """Trust, once per group, by its most trusted record; all new groups together count for little more than one."""
    best: dict[str, float] = {}
    for hit in hits:
        if hit.trust > best.get(hit.group, 0.0):
            best[hit.group] = hit.trust
    known = fresh = 0.0
    for trust in best.values():
        if trust > NEW_SOURCE:
            known += trust
        else:
            fresh += trust
    return known + min(NEWCOMERS_CAP, fresh)


def source_trust(history: SourceHistory) -> float:
    """0.3 for a new source, at most 0.9. Only time, confirmed outcomes and *other* groups' agreement raise it.

    The number of records a source has written is no argument of this function: repetition gains nothing.
    """
    aged = 0.2 * min(1.0, max(0.0, history.age / timedelta(days=90)))
    proven = 0.25 * (1 - 0.8 ** max(0, history.confirmed))
    seconded = 0.15 * (1 - 0.6 ** max(0, history.corroborated_by))
    return round(min(0.9, max(0.05, NEW_SOURCE + aged + proven + seconded - 0.1 * max(0, history.refuted))), 3)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record came from, as far as two origins can turn out to be one.

    `root` is the document at the end of its lineage, `network` an address or host if known; empty means unknown.
    `new_since` (seconds since the epoch) is when a source was first seen that is still new, None for one that is
    established: what one principal makes new within `BURST` seconds is one voice.
    """

    source: str
    source_type: str = ""
    speaker: str = ""
    principal_id: str = ""
    root: str = ""
    network: str = ""
    new_since: float | None = None


def independence_groups(origins: Sequence[Origin]) -> list[str]:
    """A group key per origin; two origins share it if a chain of shared marks joins them. Keys do not depend on
    order.
    """
    parent = list(range(len(origins)))
    seen: dict[tuple[str, str], int] = {}
    marks = [_marks(origin) for origin in origins]
    for index, own in enumerate(marks):
        for mark in own:
            _join(parent, index, seen.setdefault(mark, index))
    for one, other in _bursts(origins):
        _join(parent, one, other)
    members: dict[int, list[str]] = {}
    for index, own in enumerate(marks):
        members.setdefault(_find(parent, index), []).append(_strongest(own))
    keys = {root: min(each) for root, each in members.items()}
    return [keys[_find(parent, index)] for index in range(len(origins))]


def independence_group(origin: Origin) -> str:
    """The group of one origin by itself: its strongest mark. Joined groups come from `independence_groups`."""
    return _strongest(_marks(origin))


def _strongest(marks: Sequence[tuple[str, str]]) -> str:
    kind, value = marks[0]
    return f"{kind}:{value}"


def _marks(origin: Origin) -> list[tuple[str, str]]:
    host = origin.network or _host(origin.source)
    named = [
        ("root", origin.root),
        ("source", origin.source),
        ("user", origin.speaker.casefold()),
        ("network", host.removeprefix("www.")),
    ]
    found = [(kind, value) for kind, value in named if value]
    return found or [("principal", origin.principal_id)]


def _host(source: str) -> str:
    """The host in a source that is an address; without a slash it is none."""
    return (urlsplit(source).hostname or "") if "/" in source else ""


def _bursts(origins: Sequence[Origin]) -> Iterator[tuple[int, int]]:
    """Pairs of one principal's new sources that were first seen right after each other."""
    new = [(origin.principal_id, origin.new_since, place) for place, origin in enumerate(origins)]
    timed = sorted((who, since, place) for who, since, place in new if since is not None)
    for (who, since, one), (whose, then, other) in pairwise(timed):
        if who == whose and then - since <= BURST:
            yield one, other


def own_attested(source_type: str, speaker: str | None, *, by_person: bool = False) -> bool:
    """Whether a record is stated by the one it belongs to: a person's credential, their own conversation, an agent's
    own run.
    """
    kind = source_type.lower()
    if by_person:
        return True
    if kind in {"conversation", "chat", "user"}:
        return (speaker or "").lower() not in ASSISTANT
    return kind in OWN_TYPES


def _find(parent: list[int], index: int) -> int:
    while parent[index] != index:
        parent[index] = parent[parent[index]]
        index = parent[index]
    return index


def _join(parent: list[int], one: int, other: int) -> None:
    parent[_find(parent, one)] = _find(parent, other)

"""Which version of a record stood at a moment: bitemporal, by the world's time and by the record's."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from foundation.kernel.clock import now
from foundation.kernel.rows import select
from governance import lifecycle
from governance.models import HeaderRevision, Version


@dataclass(frozen=True, slots=True)
class Moment:
    """When to look: `as_of` in the world's time, `known_at` in the record's. None is the present."""

    as_of: datetime | None = None
    known_at: datetime | None = None

    def __bool__(self) -> bool:
        return self.as_of is not None or self.known_at is not None


PRESENT = Moment()


def at_moment(ids: Iterable[UUID], moment: Moment) -> dict[UUID, int]:
    """For each record that was served then, the version that held then (bitemporal: the latest version known at
    `known_at` whose valid range contains `as_of`, a rolled-back one left out)."""
    at = moment.known_at or now()
    history: dict[UUID, list[HeaderRevision]] = {}
    for revision in HeaderRevision.objects.filter(memcube_id__in=list(ids), at__lte=at).order_by("rev"):
        history.setdefault(revision.memcube_id, []).append(revision)
    stood = {cube_id: revisions for cube_id, revisions in history.items() if revisions[-1].state in lifecycle.SERVED}
    versions = _ranges(stood)
    chosen = {cube_id: _choose(revisions, versions[cube_id], moment.as_of) for cube_id, revisions in stood.items()}
    return {cube_id: number for cube_id, number in chosen.items() if number is not None}


def served_from(ids: Collection[UUID]) -> dict[UUID, dict[int, datetime]]:
    """For each record, the version numbers that were ever served, in order, with since when."""
    served: dict[UUID, dict[int, datetime]] = {memory_id: {} for memory_id in ids}
    asked = [list(ids), [state.value for state in lifecycle.SERVED]]
    for revision in select(HeaderRevision, "memcube_id = ANY(%s) AND state = ANY(%s)", asked, last="ORDER BY rev"):
        served[revision.memcube_id].setdefault(revision.version, revision.at)
    return served


def ever_served(ids: Collection[UUID]) -> set[UUID]:
    """Those of the records of which any version was ever served."""
    if not ids:
        return set()
    revisions = HeaderRevision.objects.filter(memcube_id__in=list(ids), state__in=lifecycle.SERVED)
    return set(revisions.values_list("memcube_id", flat=True).distinct())


def _ranges(history: dict[UUID, list[HeaderRevision]]) -> dict[UUID, dict[int, Version]]:
    found: dict[UUID, dict[int, Version]] = {cube_id: {} for cube_id in history}
    for row in Version.objects.filter(memcube_id__in=list(history)).defer("sealed", "sealed_embedding"):
        found[row.memcube_id][row.number] = row
    return found


def _choose(revisions: Sequence[HeaderRevision], known: dict[int, Version], as_of: datetime | None) -> int | None:
    """The latest standing version whose valid range holds `as_of`; a rollback takes back what came after its target."""
    standing: list[int] = []
    for revision in revisions:
        number = revision.version
        if revision.state not in lifecycle.SERVED or number in standing or number not in known:
            continue
        target = known[number].reverts_to
        standing = [each for each in standing if target is None or each <= target] + [number]
    holds = [number for number in standing if as_of is None or _contains(known[number], as_of)]
    return holds[-1] if holds else None


def _contains(row: Version, at: datetime) -> bool:
    return (row.valid_from is None or row.valid_from <= at) and (row.valid_to is None or at < row.valid_to)

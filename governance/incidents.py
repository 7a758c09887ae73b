"""Held records that belong to one attack, and how many may wait at once. Every function works inside a transaction.

An incident is known by a keyed hash of what the guard says is wrong, so it can be listed without opening a record.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models import Count, F

from foundation.kernel.clock import now
from governance.models import Admission, Incident
from governance.sealed import lookup

HELD = Admission.State.HELD


@dataclass(frozen=True, slots=True)
class Waiting:
    """A candidate that would have to wait for review: its source, and who submits it."""

    source_key: bytes
    principal_id: UUID


def incident_key(digest: str) -> bytes:
    """The key of the incident the guard calls `digest`. Outside a transaction: it opens the tenant's look-up key."""
    return lookup("incident", digest)


def open_incidents(keys: Iterable[bytes]) -> dict[bytes, UUID]:
    """The open incident of each key; new ones are opened."""
    wanted = set(keys)
    if not wanted:
        return {}
    Incident.objects.bulk_create([Incident(key=key) for key in sorted(wanted)], ignore_conflicts=True)
    found = Incident.objects.filter(key__in=wanted, state=Incident.State.OPEN)
    found.update(last_at=now())
    return {bytes(key): incident_id for key, incident_id in found.values_list("key", "id")}


def crowded_out(waiting: Sequence[Waiting]) -> list[bool]:
    """For each, in order, whether its source or its writer has as many open holds as may wait, these included."""
    open_now = _open("source_key", {each.source_key for each in waiting})
    open_now += _open("principal_id", {each.principal_id for each in waiting})
    return [_over(each, open_now) for each in waiting]


def _over(each: Waiting, open_now: Counter[bytes | UUID]) -> bool:
    full = (
        open_now[each.source_key] >= settings.GUARD_HOLDS_PER_SOURCE
        or open_now[each.principal_id] >= settings.GUARD_HOLDS_PER_WRITER
    )
    if not full:
        open_now.update((each.source_key, each.principal_id))
    return full


def _open(column: str, values: set[bytes] | set[UUID]) -> Counter[bytes | UUID]:
    rows = Admission.objects.filter(state=HELD, waits=False, **{f"{column}__in": values}).values_list(column)
    counts = rows.annotate(Count("id")).order_by()
    return Counter({bytes(key) if isinstance(key, memoryview) else key: count for key, count in counts})


def turn_away(key: bytes, count: int) -> UUID:
    """Note in the incident of `key` that so many more were not even kept."""
    incident_id = open_incidents([key])[key]
    Incident.objects.filter(id=incident_id).update(refused=F("refused") + count)
    return incident_id

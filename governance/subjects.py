"""The people memories are about: what is kept of one of them, and the way from a name to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.principal import Principal
from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.keyring import keys
from governance.models import ErasureRequest, LegalHold, MemCube, State, Subject, SubjectLink, Version
from governance.sealed import lookup, open_text
from governance.services.name_subjects import find_subjects
from tenants.policy import may, reachable_spaces
from tenants.roles import POLICY


@dataclass(frozen=True, slots=True)
class Person:
    """One subject, and counts within the asker's reach. `name` is the caller's own word for them, None once they were
    forgotten; `holds` and `requests` are those that name the subject, newest first."""

    id: UUID
    name: str | None
    created_at: datetime
    erased_at: datetime | None
    records: int
    versions: int
    states: Mapping[str, int]
    spaces: Mapping[UUID, int]
    holds: Sequence[LegalHold]
    requests: Sequence[ErasureRequest]


def find(principal: Principal, name: str) -> UUID:
    """The id of the subject of this name, by its keyed hash; raises `NotFound`. The look is an event."""
    may(principal, Act.SUBJECT_READ)
    key = lookup("subject", name, 32)
    found = find_subjects([key]).get(key)
    with tenant_transaction():
        found = found if found and _reached(principal, found) else None
        target = Target("subject", found) if found else None
        record(principal, Act.SUBJECT_READ, target=target, policy=POLICY, outcome="ok" if found else "unknown")
    if found is None:
        raise NotFound("There is no such subject.")
    return found


def subject(principal: Principal, subject_id: UUID) -> Person:
    """One subject; raises `NotFound`."""
    may(principal, Act.SUBJECT_READ)
    with tenant_transaction():
        row = Subject.objects.filter(id=subject_id).first()
        if row is None or not _reached(principal, subject_id):
            raise NotFound
        cubes = _within_reach(principal, subject_id)
        counted = {
            "records": cubes.count(),
            "versions": Version.objects.filter(memcube_id__in=cubes.values("id")).count(),
            "states": _counts(cubes, "state"),
            "spaces": _counts(cubes, "space_id"),
            "holds": list(LegalHold.objects.filter(subject_id=subject_id).order_by("-id")),
            "requests": list(ErasureRequest.objects.filter(subject_id=subject_id).order_by("-id")),
        }
    return Person(row.id, name_of(row), row.created_at, row.erased_at, **counted)


def name_of(row: Subject) -> str | None:
    """The caller's own word for the subject, outside any transaction; None once its key is gone."""
    secret = keys.open_many([row.id]).get(row.id) if row.sealed_name is not None else None
    return open_text(secret, f"subject:{row.id}", row.sealed_name) if secret else None


def _within_reach(principal: Principal, subject_id: UUID) -> Any:
    links = SubjectLink.objects.filter(subject_id=subject_id)
    cubes = MemCube.objects.filter(id__in=links.values("memcube_id")).exclude(state=State.FORGOTTEN)
    reach = reachable_spaces(principal)
    return cubes if reach is None else cubes.filter(space_id__in=reach)


def _reached(principal: Principal, subject_id: UUID) -> bool:
    """Whether the asker may know that there is this person: by a record within his spaces, or as one who has all."""
    return reachable_spaces(principal) is None or _within_reach(principal, subject_id).exists()


def _counts(cubes: Any, column: str) -> dict[Any, int]:
    return dict(cubes.order_by().values_list(column).annotate(Count("id")))

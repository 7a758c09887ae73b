"""What the retention policies in force mean for records: which are kept, and which are over.

The order is fixed: a legal hold, then a minimum, then an erasure, then a maximum, then a user's delete. Every function
works inside the tenant's transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q

from foundation.kernel.clock import now, rfc3339
from foundation.kernel.problems import FieldError, MinimumRetention
from governance import lifecycle
from governance.models import HeaderRevision, MemCube, RetentionPolicyRecord, RetentionPolicyVersion, Space, State
from governance.retention.rules import RetentionPolicy, Rule
from governance.timeline import ever_served
from tenants.versioned_policies import Versioned

RETENTION_POLICIES = Versioned("retention_policy", RetentionPolicyRecord, RetentionPolicyVersion)
REFLECTION = timedelta(hours=24)
"""How long a new version, or a policy that a space newly names, erases nothing yet: so long a mistake costs nothing."""
NO_RECORDS = (State.CANDIDATE, State.FORGOTTEN)
NOTHING = Q(pk__in=[])


@dataclass(frozen=True, slots=True)
class Governing:
    """The policy of one space. What it keeps is kept at once; what is over is erased from `erases_from` on."""

    policy: RetentionPolicy
    erases_from: datetime


@dataclass(frozen=True, slots=True)
class Keeping:
    """What keeps a record: a minimum of this version of a policy."""

    until: datetime
    policy_id: UUID
    version: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """The policies by space, as they are in force or would be."""

    spaces: Mapping[UUID, Governing] = field(default_factory=dict)

    def keeping(self, cube: MemCube, at: datetime | None = None) -> Keeping | None:
        """What keeps a record at `at` (now). A candidate, and what is held and was never served, is no record yet, and
        a destruction that has begun (`frozen`) goes on: none of them is kept."""
        return self.kept([cube], at).get(cube.id)

    def _minimum(self, cube: MemCube, at: datetime) -> Keeping | None:
        """What would keep the record, were it served once."""
        governing = self.spaces.get(cube.space_id)
        if governing is None or cube.frozen or cube.state in NO_RECORDS:
            return None
        until = governing.policy.kept_until(cube)
        if until is None or until <= at:
            return None
        return Keeping(until, governing.policy.id, governing.policy.version)

    def over_at(self, cube: MemCube) -> datetime | None:
        """When the record reaches its maximum, if it has one."""
        governing = self.spaces.get(cube.space_id)
        return governing.policy.over_at(cube) if governing else None

    def kept(self, cubes: Iterable[MemCube], at: datetime | None = None) -> dict[UUID, Keeping]:
        """Those of the records that a minimum keeps at `at` (now), and what keeps them."""
        at = at or now()
        found = [(cube, keeping) for cube in cubes if (keeping := self._minimum(cube, at))]
        waiting = [cube.id for cube, _ in found if cube.state == State.HELD]
        never = set(waiting) - ever_served(waiting)  # a rollback holds what was
        return {cube.id: keeping for cube, keeping in found if cube.id not in never}

    def is_kept(self, at: datetime) -> Q:
        """The records that a minimum keeps at `at`, as a condition: exactly those that `keeping` tells."""
        condition = NOTHING
        for space_id, rule in self._rules():
            if rule.minimum:
                condition |= _covered(space_id, rule) & Q(created_at__gt=rule.minimum.before(at))
        served = HeaderRevision.objects.filter(memcube_id=OuterRef("id"), state__in=lifecycle.SERVED)
        was_served = ~Q(state=State.HELD) | Q(Exists(served))
        return condition & Q(frozen=False) & ~Q(state__in=NO_RECORDS) & was_served

    def is_over(self, at: datetime) -> Q:
        """The records that have reached a maximum at `at`, where maxima erase by then, as a condition."""
        condition = NOTHING
        for space_id, rule in self._rules(erasing_at=at):
            if rule.maximum:
                condition |= _covered(space_id, rule) & Q(created_at__lte=rule.maximum.before(at))
        return condition

    def _rules(self, erasing_at: datetime | None = None) -> Iterable[tuple[UUID, Rule]]:
        for space_id, governing in self.spaces.items():
            if erasing_at is None or governing.erases_from <= erasing_at:
                yield from ((space_id, rule) for rule in governing.policy.within(space_id))


def schedule(space_ids: Collection[UUID] | None = None) -> Schedule:
    """The policies in force in these spaces (None: all that name one)."""
    spaces = Space.objects.exclude(retention_policy_id=None)
    if space_ids is not None:
        spaces = spaces.filter(id__in=list(space_ids))
    named = list(spaces.values_list("id", "retention_policy_id", "retention_since"))
    versions = _in_force({policy_id for _, policy_id, _ in named})
    return Schedule(
        {
            space_id: Governing(policy, max(made, since or made) + REFLECTION)
            for space_id, policy_id, since in named
            for policy, made in (versions[policy_id],)
        }
    )


def kept(cubes: Iterable[MemCube]) -> dict[UUID, Keeping]:
    """Those of the records that a minimum keeps now, and what keeps them."""
    cubes = list(cubes)
    return schedule({cube.space_id for cube in cubes}).kept(cubes) if cubes else {}


def refuse_kept(cube: MemCube) -> None:
    """Raises the problem `minimum-retention`, naming policy and time, if a minimum keeps the record."""
    keeping = kept([cube]).get(cube.id)
    if keeping:
        raise MinimumRetention(
            "The record must be kept until then.",
            errors=[FieldError("", "minimum-retention")],
            extra={
                "retained_until": rfc3339(keeping.until),
                "retention_policy_id": str(keeping.policy_id),
                "retention_policy_version": keeping.version,
            },
        )


def _in_force(ids: Collection[UUID]) -> dict[UUID, tuple[RetentionPolicy, datetime]]:
    rows = RETENTION_POLICIES.in_force().filter(policy_id__in=list(ids)) if ids else ()
    return {row.policy_id: (row.value(row.name), row.created_at) for row in rows}


def _covered(space_id: UUID, rule: Rule) -> Q:
    condition = Q(space_id=space_id)
    if rule.kind:
        condition &= Q(kind=rule.kind)
    if rule.label:
        condition &= Q(labels__contains=[rule.label])
    return condition

"""What a retention policy would do to the records there are: counts and ids, and never a word of any of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.receipts import receipt
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.scope import tenant_transaction
from governance import selectors
from governance.cascade import Selection, cascade
from governance.holds import holds_on
from governance.models import MemCube, State
from governance.retention.keeping import Governing, Keeping, Schedule
from governance.retention.rules import RetentionPolicy
from governance.services.sweep_retention import BATCH, scheduled
from tenants.policy import may
from tenants.roles import POLICY

SAMPLES = 20
DAY = timedelta(days=1)
HOLD, MINIMUM = "hold", "minimum"
_LOOKED_AT = ("id", "tenant_id", "space_id", "kind", "labels", "subject_ids", "created_at", "state", "frozen")


@dataclass(frozen=True, slots=True)
class Sample:
    """A record that reaches its maximum within the time looked at, and what would keep it all the same."""

    id: UUID
    space_id: UUID
    kind: str
    created_at: datetime
    over_at: datetime
    kept_by: str | None


@dataclass(slots=True)
class Simulation:
    """Counts over the oldest records within reach. `days`: by how many days from now (0: at once) how many would be
    erased; `derived`: what would go with the first batch of those; `blocked`: what is over within the time, and kept;
    `protected`: what a minimum would keep from any delete or erasure now; `unbounded`: what has no maximum."""

    at: datetime
    horizon: datetime
    examined: int = 0
    complete: bool = True
    days: Counter[int] = field(default_factory=Counter)
    blocked: Counter[str] = field(default_factory=Counter)
    protected: int = 0
    unbounded: int = 0
    derived: int = 0
    samples: list[Sample] = field(default_factory=list)
    receipt: dict[str, Any] = field(default_factory=dict)

    @property
    def erased(self) -> int:
        return self.days.total()

    def count(self, cube: MemCube, over: datetime | None, keeping: Keeping | None, *, held: bool) -> None:
        self.examined += 1
        self.protected += keeping is not None
        self.unbounded += over is None
        if over is None or over > self.horizon:
            return
        later = keeping is not None and keeping.until > self.horizon
        kept_by = HOLD if held else MINIMUM if later else None
        if kept_by:
            self.blocked[kept_by] += 1
        else:
            self.days[self._day(max(over, keeping.until) if keeping else over)] += 1
        self.samples.append(Sample(cube.id, cube.space_id, cube.kind, cube.created_at, over, kept_by))

    def _day(self, at: datetime) -> int:
        return max(0, -((self.at - at) // DAY))

    def ready(self) -> list[UUID]:
        """The records that would be erased at once, as far as one batch takes them."""
        return [each.id for each in self.samples if each.kept_by is None and each.over_at <= self.at][:BATCH]


def simulate_retention(
    principal: Principal, *, draft: RetentionPolicy, space_ids: Sequence[UUID] | None, days: int, limit: int
) -> Simulation:
    """Look at the `limit` oldest records of the spaces as if they all named the draft. `space_ids` None: the spaces
    that name it now. Nothing is kept."""
    may(principal, Act.POLICY_READ)
    for space_id in space_ids or ():
        selectors.reach_space(principal, space_id, Act.POLICY_READ)
    at = now()
    told = Simulation(at, at + days * DAY)
    with tenant_transaction(snapshot=True):
        policies = _as_if(principal, draft, space_ids, at)
        cubes = list(_oldest(principal, policies)[: limit + 1])
        told.complete = len(cubes) <= limit
        held, kept = holds_on(cubes[:limit]), policies.kept(cubes[:limit], at)
        for cube in cubes[:limit]:
            told.count(cube, policies.over_at(cube), kept.get(cube.id), held=cube.id in held)
        told.derived = _derived(told.ready(), policies)
    told.samples = sorted(told.samples, key=lambda each: (each.over_at, each.id))[:SAMPLES]
    told.receipt = _recorded(principal, draft, told.examined)
    return told


def _as_if(principal: Principal, draft: RetentionPolicy, space_ids: Iterable[UUID] | None, at: datetime) -> Schedule:
    if space_ids is None:
        space_ids = selectors.spaces(principal).filter(retention_policy_id=draft.id).values_list("id", flat=True)
    return Schedule(dict.fromkeys(space_ids, Governing(draft, at)))


def _oldest(principal: Principal, policies: Schedule) -> Any:
    living = selectors.readable(principal).exclude(state=State.FORGOTTEN)
    return living.filter(space_id__in=list(policies.spaces)).order_by("created_at").only(*_LOOKED_AT)


def _derived(ids: Sequence[UUID], policies: Schedule) -> int:
    if not ids:
        return 0
    taken = cascade(Selection(memcube_ids=tuple(ids)), lambda derived: scheduled(derived, policies))
    return len(taken.relations) - len(ids)


def _recorded(principal: Principal, draft: RetentionPolicy, examined: int) -> dict[str, Any]:
    with tenant_transaction():
        target = Target("retention_policy", draft.id) if draft.version else None
        return receipt(record(principal, Act.POLICY_READ, target=target, policy=POLICY, detail={"simulated": examined}))

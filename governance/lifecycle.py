"""The life of a MemCube: one explicit state machine, and the only way a header changes.

Every change writes the header, its revision in the history, and hands back the manifest delta for the audit event.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.services.record import Change
from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Conflict
from governance import headers
from governance.models import HeaderRevision, MemCube, State

S = State
TRANSITIONS: dict[State, frozenset[State]] = {
    S.CANDIDATE: frozenset({S.ACTIVE, S.HELD}),
    S.HELD: frozenset({S.ACTIVE, S.WITHDRAWN, S.FORGOTTEN, S.RESTRICTED}),
    S.ACTIVE: frozenset({S.HELD, S.MERGED, S.ARCHIVED, S.FROZEN, S.EXPIRED, S.RESTRICTED, S.WITHDRAWN, S.FORGOTTEN}),
    S.MERGED: frozenset({S.ACTIVE, S.RESTRICTED, S.WITHDRAWN, S.FORGOTTEN}),
    S.ARCHIVED: frozenset({S.ACTIVE, S.EXPIRED, S.RESTRICTED, S.WITHDRAWN, S.FORGOTTEN}),
    S.FROZEN: frozenset({S.ACTIVE, S.RESTRICTED, S.WITHDRAWN, S.FORGOTTEN}),
    S.EXPIRED: frozenset({S.RESTRICTED, S.FORGOTTEN}),
    S.RESTRICTED: frozenset({S.ACTIVE, S.WITHDRAWN, S.FORGOTTEN}),
    S.WITHDRAWN: frozenset({S.ACTIVE, S.RESTRICTED, S.FORGOTTEN}),
    S.FORGOTTEN: frozenset(),
}
SERVED = frozenset({S.ACTIVE})
"""States whose served version comes back from get, list and search."""


def begin(cube: MemCube, *, act: Act, principal: Principal) -> tuple[HeaderRevision, Change]:
    """Complete a new MemCube's header (revision 1). The caller inserts both rows, often many at once."""
    cube.rev = 1
    cube.mac = headers.element(cube)
    return _revision(cube, act=act, principal=principal), Change(cube.id, None, bytes(cube.mac))


def change(cube: MemCube, *, act: Act, principal: Principal, **fields: Any) -> Change:
    """Give the locked `cube` a new header revision with `fields` (state, version, labels, ttl, expires_at, frozen,
    erase_at). Raises `Conflict` for a transition the state machine does not know."""
    _check(cube, fields.get("state", cube.state))
    old = bytes(cube.mac)
    for name, value in fields.items():
        setattr(cube, name, value)
    cube.rev += 1
    cube.mac = headers.element(cube)
    cube.save(force_update=True)
    _revision(cube, act=act, principal=principal).save(force_insert=True)
    return Change(cube.id, old, bytes(cube.mac))


def lock(cube_id: UUID) -> MemCube | None:
    """The MemCube, locked until the transaction ends."""
    cube: MemCube | None = MemCube.objects.select_for_update().filter(id=cube_id).first()
    return cube


def expiry(recorded_at: datetime, ttl: timedelta | None) -> datetime | None:
    return recorded_at + ttl if ttl is not None else None


def _check(cube: MemCube, to: str) -> None:
    if to != cube.state and State(to) not in TRANSITIONS[State(cube.state)]:
        raise Conflict(f"A memory that is {cube.state} cannot become {to}.")


def _revision(cube: MemCube, *, act: Act, principal: Principal) -> HeaderRevision:
    return HeaderRevision(
        memcube_id=cube.id,
        rev=cube.rev,
        state=cube.state,
        version=cube.version,
        labels=cube.labels,
        ttl=cube.ttl,
        expires_at=cube.expires_at,
        mac=cube.mac,
        act=act,
        principal_id=principal.id,
        at=now(),
    )

"""Who a session stands for, now. Nothing is cached: a session that was revoked, has idled or has expired, and one of a
person who was disabled or whose tenant was closed, does not pass again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from foundation.kernel import clock
from foundation.kernel.models import Registry
from foundation.kernel.principal import Principal, PrincipalKind, Role
from foundation.kernel.problems import Unauthenticated
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tenants import tickets
from tenants.models import Session
from tenants.selectors import presented_session

IDLE = timedelta(minutes=15)
LIFE = timedelta(hours=8)
FRESH = timedelta(minutes=5)
"""How long after a sign-in destructive acts need no other."""
NOTED = timedelta(minutes=1)
"""How old the note of a session's last use may be: a row is not written at every click."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person's valid session."""

    id: UUID
    person_id: UUID
    principal: Principal
    via: str
    fresh_until: datetime
    expires_at: datetime

    @property
    def is_fresh(self) -> bool:
        return clock.now() < self.fresh_until


@dataclass(frozen=True, slots=True)
class Presented:
    """A session with what else decides whether it is valid: the columns of `tenants.selectors.presented_session`."""

    digest: bytes
    person_id: UUID
    via: str
    used_at: datetime
    fresh_until: datetime
    expires_at: datetime
    revoked_at: datetime | None
    principal_id: UUID
    role: str
    spaces: list[UUID]
    name: str
    disabled_at: datetime | None
    state: str | None

    @property
    def valid(self) -> bool:
        at = clock.now()
        live = self.state == Registry.State.ACTIVE and self.disabled_at is None and self.revoked_at is None
        return live and at < self.expires_at and at < self.used_at + IDLE


def signed_in(text: str, browser: str) -> SignedIn:
    """The session of a cookie's text in `browser`, in whichever tenant it names; raises `Unauthenticated`."""
    given = tickets.parse(text)
    with tenant_scope(given.tenant_id), tenant_transaction():
        row = presented_session(given.session_id)
        found = None if row is None else Presented(*row)
        tickets.require_secret(given, browser, None if found is None else bytes(found.digest))
        if found is None or not found.valid:
            raise Unauthenticated
        _note_use(given.session_id, found)
    return _signed_in(given, found)


def _note_use(session_id: UUID, found: Presented) -> None:
    at = clock.now()
    if at - found.used_at >= NOTED:
        Session.objects.filter(id=session_id).update(used_at=at)


def _signed_in(given: tickets.Ticket, found: Presented) -> SignedIn:
    principal = Principal(
        id=found.principal_id,
        tenant_id=given.tenant_id,
        kind=PrincipalKind.PERSON,
        role=Role(found.role),
        spaces=frozenset(found.spaces),
        name=found.name,
    )
    return SignedIn(given.session_id, found.person_id, principal, found.via, found.fresh_until, found.expires_at)

"""Who a session stands for, now. Nothing is cached: a session that was revoked, has idled or has expired, and one of a
person who was disabled or whose tenant was closed, does not pass again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from foundation.kernel import clock
from foundation.kernel.principal import Principal, PrincipalKind, Role
from foundation.kernel.problems import Unauthenticated
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tenants import tickets
from tenants.models import Session
from tenants.selectors import PresentedSession, presented_session

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


def signed_in(text: str, browser: str) -> SignedIn:
    """The session of a cookie's text in `browser`, in whichever tenant it names; raises `Unauthenticated`."""
    given = tickets.parse(text)
    with tenant_scope(given.tenant_id), tenant_transaction():
        found = presented_session(given.session_id)
        tickets.require_secret(given, browser, None if found is None else bytes(found.digest))
        if found is None or not found.valid:
            raise Unauthenticated
        _note_use(given.session_id, found)
    return _signed_in(given, found)


def _note_use(session_id: UUID, found: PresentedSession) -> None:
    at = clock.now()
    if at - found.used_at >= NOTED:
        Session.objects.filter(id=session_id).update(used_at=at)


def _signed_in(given: tickets.Ticket, found: PresentedSession) -> SignedIn:
    principal = Principal(
        id=found.principal_id,
        tenant_id=given.tenant_id,
        kind=PrincipalKind.PERSON,
        role=Role(found.role),
        spaces=frozenset(found.spaces),
        name=found.name,
        key_id=given.session_id,
    )
    return SignedIn(given.session_id, found.person_id, principal, found.via, found.fresh_until, found.expires_at)

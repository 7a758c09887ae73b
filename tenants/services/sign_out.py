"""End sessions."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from audit.acts import Act
from audit.event import Target
from audit.services.record import record
from foundation.kernel import clock
from foundation.kernel.principal import Principal
from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from tenants.models import Person, Session
from tenants.policy import may, require_reach
from tenants.roles import POLICY


def sign_out(principal: Principal, *, session_id: UUID) -> None:
    """End one session of the principal's own, at once; raises `NotFound`. Ending it twice changes nothing."""
    with tenant_transaction():
        mine = Session.objects.filter(id=session_id, person_id__in=_person(principal.id))
        if not mine.exists():
            raise NotFound
        _end(principal, mine.filter(revoked_at=None), Target("session", session_id))


def sign_out_everywhere(principal: Principal, *, principal_id: UUID) -> int:
    """End all sessions of a person, at once: one's own, or as an administrator another's; returns how many.

    Raises `PolicyDenied`, `NotFound`.
    """
    if principal_id != principal.id:
        may(principal, "person.change")
    with tenant_transaction():
        person = Person.objects.filter(principal_id=principal_id).first()
        if person is None:
            raise NotFound
        if principal_id != principal.id:
            require_reach(principal, person.spaces)
        live = Session.objects.filter(revoked_at=None, person_id=person.id)
        return _end(principal, live, Target("principal", principal_id))


def _person(principal_id: UUID) -> Any:
    return Person.objects.filter(principal_id=principal_id).values("id")


def _end(principal: Principal, live: Any, target: Target) -> int:
    ended = int(live.update(revoked_at=clock.now()))
    if ended:
        record(principal, Act.PERSON_SIGN_OUT, target=target, outcome="ok", policy=POLICY, detail={"sessions": ended})
    return ended

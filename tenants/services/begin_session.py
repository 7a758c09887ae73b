"""Begin a person's session."""

from __future__ import annotations

from datetime import timedelta

from audit.acts import Act
from audit.event import Target
from audit.services.record import record
from foundation.kernel import clock
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Unauthenticated
from foundation.kernel.scope import current_tenant, tenant_transaction
from tenants import tickets
from tenants.models import Person, PrincipalRecord, Session
from tenants.roles import POLICY
from tenants.selectors import as_principal
from tenants.sessions import FRESH, LIFE

KEPT = timedelta(days=30)
"""How long the row of an ended session is kept."""


def begin_session(person: Person, *, via: Session.Via, browser: str) -> tickets.Ticket:
    """A new session of a person who has just shown who he is; its secret is in the ticket and nowhere else.

    Works in the tenant's scope; raises `Unauthenticated` for a person who was disabled.
    """
    ticket, at = tickets.fresh(current_tenant()), clock.now()
    with tenant_transaction():
        principal = acting(person)
        Session.objects.filter(person_id=person.id, expires_at__lt=at - KEPT).delete()
        Session(
            id=ticket.session_id,
            person_id=person.id,
            digest=ticket.digest(browser),
            via=via,
            created_at=at,
            used_at=at,
            fresh_until=at + FRESH,
            expires_at=at + LIFE,
        ).save(force_insert=True)
        target, detail = Target("session", ticket.session_id), {"via": str(via)}
        record(principal, Act.PERSON_SIGN_IN, target=target, outcome="ok", policy=POLICY, detail=detail)
    return ticket


def acting(person: Person) -> Principal:
    """The principal a person acts as; raises `Unauthenticated` if he was disabled. Inside `tenant_transaction`."""
    actor = PrincipalRecord.objects.filter(id=person.principal_id, disabled_at=None).first()
    if actor is None:
        raise Unauthenticated
    return as_principal(person, actor)

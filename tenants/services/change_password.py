"""Choose another password."""

from __future__ import annotations

from audit.acts import Act
from audit.event import Target
from audit.services.record import record
from foundation.kernel import clock
from foundation.kernel.problems import Conflict, FieldError, Validation
from foundation.kernel.scope import tenant_transaction
from tenants import devices
from tenants.models import Person, Session
from tenants.passwords import LONGEST, SHORTEST, hashed
from tenants.roles import POLICY
from tenants.sessions import SignedIn


def change_password(session: SignedIn, *, password: str) -> str:
    """Give the session's person a new password, and end all other sessions of his; returns the cookie by which this
    browser stays known (`tenants.devices`). The session was asked to be fresh.

    Raises `Validation`, and `Conflict` for somebody who signs in elsewhere: he has none, and gets none this way.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise Validation(errors=[FieldError("/password", "length", f"At least {SHORTEST} characters.")])
    new = hashed(password)
    with tenant_transaction():
        person = Person.objects.select_for_update().get(id=session.person_id)
        if person.password is None:
            raise Conflict("You sign in with your organisation, without a password here.")
        person.password = new
        person.save(update_fields=["password"])
        others = Session.objects.filter(person_id=person.id, revoked_at=None).exclude(id=session.id)
        ended = others.update(revoked_at=clock.now())
        target, detail = Target("principal", person.principal_id), {"password": True, "sessions": ended}
        record(session.principal, Act.PERSON_CHANGE, target=target, outcome="ok", policy=POLICY, detail=detail)
    return devices.fresh(person)

"""Show again, in a session, who one is: for acts that ask for a fresh sign-in."""

from __future__ import annotations

from audit.acts import Act
from audit.event import Target
from audit.services.record import record
from foundation.kernel import clock
from foundation.kernel.scope import tenant_transaction
from tenants import attempts
from tenants.models import Person, Session
from tenants.passwords import require_password
from tenants.roles import POLICY
from tenants.services.sign_in import PER_ADDRESS, TOO_MANY, told_if_refused
from tenants.sessions import FRESH, SignedIn


def confirm_session(session: SignedIn, *, password: str) -> None:
    """Make the session fresh by the person's password; raises `Unauthenticated`, `RateLimited`. In its scope."""
    with tenant_transaction():
        person = Person.objects.get(id=session.person_id)
    attempts.spend("again", str(person.id), PER_ADDRESS, told=TOO_MANY)  # strangers, who sign in, spend others
    with told_if_refused(person):
        require_password(password, person.password)
    freshen(session)


def freshen(session: SignedIn) -> None:
    """Make the session fresh: its person has just shown who he is. In its scope."""
    with tenant_transaction():
        until = min(clock.now() + FRESH, session.expires_at)
        Session.objects.filter(id=session.id).update(fresh_until=until)
        target, detail = Target("session", session.id), {"via": session.via, "again": True}
        record(session.principal, Act.PERSON_SIGN_IN, target=target, outcome="ok", policy=POLICY, detail=detail)

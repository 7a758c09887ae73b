"""Sign in with what the tenant's identity provider says. Nobody is taken in silently: a person must be there."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from foundation.kernel import clock
from foundation.kernel.models import Registry
from foundation.kernel.problems import NotFound, Unauthenticated
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tenants import oidc
from tenants.models import Person, Session
from tenants.oidc import Journey, Unproven
from tenants.providers import provider
from tenants.services.begin_session import begin_session
from tenants.services.confirm_session import freshen
from tenants.services.create_person import email_lookup
from tenants.services.sign_in import spend_client, told_if_refused
from tenants.sessions import FRESH, SignedIn
from tenants.tickets import Ticket


def leave(tenant_id: UUID, *, client: str, answer_at: str, session: SignedIn | None = None) -> tuple[Journey, str]:
    """A journey to the tenant's provider and the address to begin it at; with `session`, to make that one fresh.

    No scope is needed. Raises `NotFound` for a tenant that is not there or has no provider, `RateLimited`,
    `Unavailable`, `Unproven`.
    """
    spend_client(client)
    journey = Journey(tenant_id, session.id if session else None)
    with tenant_scope(tenant_id):
        return journey, oidc.leave(_provider(tenant_id), journey, answer_at=answer_at)


def come_back(journey: Journey, answer: Mapping[str, str], *, browser: str, client: str, answer_at: str) -> Ticket:
    """A new session of the person the provider speaks of; raises `Unproven`, `Unauthenticated` and as `leave`."""
    spend_client(client)
    with tenant_scope(journey.tenant_id):
        identity = oidc.come_back(_provider(journey.tenant_id), journey, answer, answer_at=answer_at)
        person = _person(identity.email)
        with told_if_refused(person):
            return begin_session(person, via=Session.Via.OIDC, browser=browser)


def come_back_again(
    journey: Journey, answer: Mapping[str, str], *, session: SignedIn, client: str, answer_at: str
) -> None:
    """Make `session` fresh: its own person must have shown the provider anew who he is, just now."""
    spend_client(client)
    if journey.session_id != session.id or journey.tenant_id != session.principal.tenant_id:
        raise Unproven("session")
    with tenant_scope(journey.tenant_id):
        identity = oidc.come_back(_provider(journey.tenant_id), journey, answer, answer_at=answer_at)
        at = clock.now().timestamp()
        if identity.authenticated_at is None or at - identity.authenticated_at > FRESH.total_seconds():
            raise Unproven("stale")
        if _person(identity.email).id != session.person_id:
            raise Unproven("person")
        freshen(session)


def has_provider(tenant_id: UUID) -> bool:
    """Whether the tenant's people may sign in elsewhere. No scope is needed."""
    try:
        with tenant_scope(tenant_id):
            _provider(tenant_id)
    except NotFound:
        return False
    return True


def _provider(tenant_id: UUID) -> oidc.Provider:
    active = Registry.objects.filter(id=tenant_id, state=Registry.State.ACTIVE).exists()
    found = provider() if active else None
    if found is None:
        raise NotFound
    return found[0]


def _person(email: str) -> Person:
    lookup = email_lookup(email)
    with tenant_transaction():
        person: Person | None = Person.objects.filter(email_lookup=lookup).first()
    if person is None:
        raise Unauthenticated
    return person

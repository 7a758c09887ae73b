"""Sign in with e-mail address and password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from audit.acts import Act
from audit.event import Target
from audit.services.record import record
from foundation.kernel.models import Registry
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Unauthenticated
from foundation.kernel.scope import current_tenant, tenant_scope, tenant_transaction
from foundation.rest.throttles import Rate
from tenants import attempts
from tenants.models import Person, Session
from tenants.passwords import require_password
from tenants.roles import POLICY
from tenants.services.begin_session import begin_session
from tenants.services.create_person import email_lookup
from tenants.tickets import Ticket

PER_ADDRESS = Rate(burst=10, per_second=1 / 60)
PER_CLIENT = Rate(burst=30, per_second=1 / 6)
TOO_MANY = "Too many attempts to sign in."


def sign_in(*, tenant_id: UUID, email: str, password: str, browser: str, client: str) -> Ticket:
    """A new session of the person with this address and password. No scope is needed: the caller names the tenant.

    `client` is whose request it is (`foundation.rest.throttles.caller`). Raises `Unauthenticated`, which is the same
    (and takes as long) for an unknown tenant, an unknown address and a wrong password; `RateLimited` by client and by
    address.
    """
    spend_client(client)
    with tenant_scope(tenant_id):
        person = found(email)
        with told_if_refused(person):
            require_password(password, None if person is None else person.password)
        if person is None:
            raise Unauthenticated
        return begin_session(person, via=Session.Via.PASSWORD, browser=browser)


def found(email: str) -> Person | None:
    """Whose address it is, in the tenant in scope, if there is such a tenant; raises `RateLimited` by address."""
    if not Registry.objects.filter(id=current_tenant(), state=Registry.State.ACTIVE).exists():
        return None
    lookup = email_lookup(email)
    spend_address(lookup)
    with tenant_transaction():
        person: Person | None = Person.objects.filter(email_lookup=lookup).first()
    return person


def spend_client(client: str) -> None:
    """One attempt of a client, at whichever tenant; raises `RateLimited`."""
    attempts.spend("client", client, PER_CLIENT, told=TOO_MANY, of_platform=True)


def spend_address(lookup: bytes) -> None:
    """One attempt at an e-mail address of the tenant in scope; raises `RateLimited`."""
    attempts.spend("address", lookup.hex(), PER_ADDRESS, told=TOO_MANY)


@contextmanager
def told_if_refused(person: Person | None) -> Iterator[None]:
    """Record a failed attempt on a person's account: as many as the limit by address lets through. Strangers who name
    nobody are not told of, or anyone could fill a tenant's log."""
    try:
        yield
    except Unauthenticated:
        if person is not None:
            _tell(person)
        raise


def _tell(person: Person) -> None:
    with tenant_transaction():
        target, platform = Target("principal", person.principal_id), Principal.system(current_tenant())
        record(platform, Act.PERSON_SIGN_IN, target=target, outcome="denied", policy=POLICY)

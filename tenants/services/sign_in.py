"""Sign in with e-mail address and password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from audit.acts import Act
from audit.event import Target
from audit.services.record import record
from foundation.kernel.models import Registry
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Unauthenticated
from foundation.kernel.scope import current_tenant, tenant_scope, tenant_transaction
from foundation.rest.throttles import Rate
from tenants import attempts, devices
from tenants.models import Person, Session
from tenants.passwords import require_password
from tenants.roles import POLICY
from tenants.services.begin_session import begin_session
from tenants.services.create_person import email_lookup
from tenants.tickets import Ticket

PER_ADDRESS = Rate(burst=10, per_second=1 / 60)
PER_CLIENT = Rate(burst=30, per_second=1 / 6)
TOO_MANY = "Too many attempts to sign in."


@dataclass(frozen=True, slots=True)
class Admitted:
    """A new session, and the cookie by which its browser is known the next time (`tenants.devices`)."""

    ticket: Ticket
    device: str = field(repr=False)


def sign_in(*, tenant_id: UUID, email: str, password: str, browser: str, client: str, device: str = "") -> Admitted:
    """A new session of the person with this address and password. No scope is needed: the caller names the tenant.

    `client` is whose request it is (`foundation.rest.throttles.caller`), `device` the cookie of an earlier sign-in.
    Raises `Unauthenticated`, which is the same (and takes as long) for an unknown tenant, an unknown address and a
    wrong password; `RateLimited` by client, and by address or in a browser known to its owner by that.
    """
    spend_client(client)
    with tenant_scope(tenant_id):
        person = found(email, device)
        with told_if_refused(person):
            require_password(password, None if person is None else person.password)
        if person is None:
            raise Unauthenticated
        ticket = begin_session(person, via=Session.Via.PASSWORD, browser=browser)
        return Admitted(ticket, devices.fresh(person))


def found(email: str, device: str) -> Person | None:
    """Whose address it is, in the tenant in scope, if there is such a tenant; raises `RateLimited`."""
    if not Registry.objects.filter(id=current_tenant(), state=Registry.State.ACTIVE).exists():
        return None
    lookup = email_lookup(email)
    with tenant_transaction():
        person: Person | None = Person.objects.filter(email_lookup=lookup).first()
    spend_address(lookup, known=devices.known(device, person))
    return person


def spend_client(client: str) -> None:
    """One attempt of a client, at whichever tenant; raises `RateLimited`."""
    attempts.spend("client", client, PER_CLIENT, told=TOO_MANY, of_platform=True)


def spend_address(lookup: bytes, *, known: str | None) -> None:
    """One attempt at an e-mail address of the tenant in scope; raises `RateLimited`. A browser that is `known` to the
    address's owner spends its own: strangers use up theirs, and do not lock him out."""
    kind, name = ("address", lookup.hex()) if known is None else ("device", known)
    attempts.spend(kind, name, PER_ADDRESS, told=TOO_MANY)


@contextmanager
def told_if_refused(person: Person | None) -> Iterator[None]:
    """Record a failed attempt on a person's account: as many as the limits let through. Strangers who name
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

"""What is asked about tenants. Every function works in the tenant's scope unless it says that it finds it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from foundation.kernel import clock
from foundation.kernel.canonical import canonical
from foundation.kernel.models import Registry
from foundation.kernel.principal import SYSTEM_ID, Principal, PrincipalKind, Role
from foundation.kernel.problems import NotFound, Unauthenticated
from foundation.kernel.rows import execute
from foundation.kernel.scope import current_tenant, tenant_scope, tenant_transaction
from foundation.keyring import keys
from foundation.keyring.sealing import open_sealed
from tenants import credentials
from tenants.models import ApiKey, Person, PrincipalRecord, Quota, Resource, Session, Usage


@dataclass(frozen=True, slots=True)
class _Presented:
    """A key with what else decides whether it is valid."""

    id: UUID
    digest: bytes
    principal_id: UUID
    role: str
    spaces: list[UUID]
    name: str
    expires_at: datetime | None
    revoked_at: datetime | None
    kind: str
    disabled_at: datetime | None
    state: str | None

    @property
    def valid(self) -> bool:
        expired = self.expires_at is not None and self.expires_at <= clock.now()
        live = self.state == Registry.State.ACTIVE and self.disabled_at is None
        return live and not expired and self.revoked_at is None

    def principal(self, tenant_id: UUID) -> Principal:
        return Principal(
            id=self.principal_id,
            tenant_id=tenant_id,
            kind=PrincipalKind(self.kind),
            role=Role(self.role),
            spaces=frozenset(self.spaces),
            name=self.name,
            key_id=self.id,
        )


IDLE = timedelta(minutes=15)
"""How long a session lasts unused."""


@dataclass(frozen=True, slots=True)
class PresentedSession:
    """A session with what else decides whether it is valid."""

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


_PRESENTED = """SELECT k.id, k.digest, k.principal_id, k.role, k.spaces, k.name, k.expires_at, k.revoked_at,
p.kind, p.disabled_at, r.state FROM tenants_apikey k
JOIN tenants_principalrecord p ON p.tenant_id = k.tenant_id AND p.id = k.principal_id
LEFT JOIN kernel_registry r ON r.id = k.tenant_id WHERE k.tenant_id = %s AND """
_SESSION = """SELECT s.digest, s.person_id, s.via, s.used_at, s.fresh_until, s.expires_at, s.revoked_at,
p.principal_id, p.role, p.spaces, a.name, a.disabled_at, r.state FROM tenants_session s
JOIN tenants_person p ON p.tenant_id = s.tenant_id AND p.id = s.person_id
JOIN tenants_principalrecord a ON a.tenant_id = p.tenant_id AND a.id = p.principal_id
LEFT JOIN kernel_registry r ON r.id = s.tenant_id WHERE s.tenant_id = %s AND s.id = %s"""
_BY_KEY_ID, _BY_ID, _BY_PRINCIPAL = (_PRESENTED + f"k.{column} = %s" for column in ("key_id", "id", "principal_id"))


def authenticated(text: str) -> Principal:
    """The principal of an API key, in whichever tenant the key names; raises `Unauthenticated`.

    Nothing is cached: a key that was revoked, has expired or whose tenant was closed does not pass again.
    """
    given = credentials.parse(text)
    with tenant_scope(given.tenant_id), tenant_transaction():
        key = next(iter(_presented(_BY_KEY_ID, given.key_id)), None)
    credentials.require_secret(given, None if key is None else bytes(key.digest))
    if key is None or not key.valid:
        raise Unauthenticated
    return key.principal(given.tenant_id)


def require_valid(principal: Principal) -> None:
    """Raise `Unauthenticated` if the principal's key or session was revoked or has ended since. For the write
    transaction of an act that took long to prepare."""
    if principal.key_id is None:
        return
    with tenant_transaction():
        if principal.kind is PrincipalKind.PERSON:
            session = presented_session(principal.key_id)
            valid = session is not None and session.valid
        else:
            valid = any(key.valid for key in _presented(_BY_ID, principal.key_id))
    if not valid:
        raise Unauthenticated


def presented_session(session_id: UUID) -> PresentedSession | None:
    """A session by its id, whether or not it is valid. Inside `tenant_transaction`."""
    row = next(iter(execute(_SESSION, [current_tenant(), session_id])), None)
    return None if row is None else PresentedSession(*row)


def names_of(principal_ids: Iterable[UUID]) -> dict[UUID, str]:
    """What those principals are called, as far as they are the tenant's. Inside `tenant_transaction`."""
    found = PrincipalRecord.objects.filter(id__in=set(principal_ids)).values_list("id", "name")
    return {SYSTEM_ID: "the platform"} | dict(found)


def principals(limit: int) -> list[PrincipalRecord]:
    """The newest principals of the tenant. Inside `tenant_transaction`."""
    return list(PrincipalRecord.objects.order_by("-id")[:limit])


@dataclass(frozen=True, slots=True)
class Known:
    """A person as an administrator sees him. `email` is opened for this; "" where its key is gone."""

    person: Person
    actor: PrincipalRecord
    email: str = field(repr=False)


def people() -> list[Known]:
    """Everybody of the tenant who signs in, in order of their names. Not inside `tenant_transaction`."""
    with tenant_transaction():
        found = list(Person.objects.all())
        actors = {each.id: each for each in PrincipalRecord.objects.filter(id__in=[p.principal_id for p in found])}
    secrets = keys.open_many([person.id for person in found])
    known = [Known(each, actors[each.principal_id], _email(each, secrets.get(each.id))) for each in found]
    return sorted(known, key=lambda each: (each.actor.name.casefold(), each.person.id))


def person(person_id: UUID) -> Known:
    """One of them; raises `NotFound`. Not inside `tenant_transaction`."""
    with tenant_transaction():
        found: Person | None = Person.objects.filter(id=person_id).first()
        if found is None:
            raise NotFound
        actor = PrincipalRecord.objects.get(id=found.principal_id)
    return Known(found, actor, _email(found, keys.open_many([found.id]).get(found.id)))


def _email(person: Person, secret: bytes | None) -> str:
    if secret is None:
        return ""
    return open_sealed(secret, email_place(person.tenant_id, person.id), bytes(person.sealed_email)).decode()


def email_place(tenant_id: UUID, person_id: UUID) -> bytes:
    """The additional data that binds a sealed address to its person."""
    return canonical(["person.email", str(tenant_id), str(person_id)])


def live_sessions(person_id: UUID) -> QuerySet[Session]:
    """A person's sessions that would pass now, but for idling, newest first. Inside `tenant_transaction`."""
    found = Session.objects.filter(person_id=person_id, revoked_at=None, expires_at__gt=clock.now())
    return found.order_by("-id")  # type: ignore[no-any-return]


def credentials_of(principal_id: UUID) -> list[Principal]:
    """The principal by each of its keys that would pass now; a person, by what he may when he signs in. Inside
    `tenant_transaction`."""
    tenant = current_tenant()
    valid = [key.principal(tenant) for key in _presented(_BY_PRINCIPAL, principal_id) if key.valid]
    return valid or _person(principal_id)


def _person(principal_id: UUID) -> list[Principal]:
    tenant, person = current_tenant(), Person.objects.filter(principal_id=principal_id).first()
    if person is None or not Registry.objects.filter(id=tenant, state=Registry.State.ACTIVE).exists():
        return []
    actor = PrincipalRecord.objects.filter(id=principal_id, disabled_at=None).first()
    return [] if actor is None else [as_principal(person, actor)]


def as_principal(person: Person, actor: PrincipalRecord) -> Principal:
    """Who a person acts as."""
    spaces = frozenset(person.spaces)
    return Principal(actor.id, person.tenant_id, PrincipalKind.PERSON, Role(person.role), spaces, actor.name)


def api_keys() -> QuerySet[ApiKey]:
    """Every key of the tenant, revoked ones too."""
    return ApiKey.objects.all()  # type: ignore[no-any-return]


def live_keys_made_by(principal_id: UUID) -> QuerySet[ApiKey]:
    """The keys a principal made that pass now, newest first. They are the tenant's and outlast his rights."""
    unended = Q(expires_at=None) | Q(expires_at__gt=clock.now())
    found = api_keys().filter(unended, created_by=principal_id, revoked_at=None)
    return found.order_by("-id")


def api_key(key_id: UUID) -> ApiKey:
    """One key by its id; raises `NotFound`. Inside `tenant_transaction`."""
    key: ApiKey | None = api_keys().filter(id=key_id).first()
    if key is None:
        raise NotFound
    return key


@dataclass(frozen=True, slots=True)
class Standing:
    """One resource: how much is used, how much may be (None: unbounded), and the version of that limit (0: unset)."""

    resource: Resource
    ceiling: int | None
    used: int
    version: int


def standings() -> list[Standing]:
    """Every resource's use and limit, in the order of `Resource`. Inside `tenant_transaction`."""
    quotas = {quota.resource: quota for quota in Quota.objects.all()}
    return [_standing(resource, quotas.get(resource.value)) for resource in Resource]


def standing(resource: Resource) -> Standing:
    """One resource's use and limit. Inside `tenant_transaction`."""
    return _standing(resource, Quota.objects.filter(resource=resource).first())


def used(resource: Resource) -> int:
    """How much of a resource is used: today, or altogether. Inside `tenant_transaction`."""
    rows = Usage.objects.filter(resource=resource, period=period(resource))
    return int(rows.aggregate(total=Sum("used"))["total"] or 0)


def period(resource: Resource) -> str:
    """The period that a use of the resource counts in now."""
    return clock.now().date().isoformat() if resource.daily else ""


def _standing(resource: Resource, quota: Quota | None) -> Standing:
    ceiling, version = (quota.ceiling, quota.version) if quota is not None else (None, 0)
    return Standing(resource, ceiling, used(resource), version)


def _presented(statement: str, name: object) -> list[_Presented]:
    return [_Presented(*row) for row in execute(statement, [current_tenant(), name])]

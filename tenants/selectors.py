"""What is asked about tenants. Every function works in the tenant's scope unless it says that it finds it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery, Sum

from foundation.kernel import clock
from foundation.kernel.models import Registry
from foundation.kernel.principal import Principal, PrincipalKind, Role
from foundation.kernel.problems import NotFound, Unauthenticated
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tenants import credentials
from tenants.models import ApiKey, PrincipalRecord, Quota, Resource, Usage


def authenticated(text: str) -> Principal:
    """The principal of an API key, in whichever tenant the key names; raises `Unauthenticated`.

    Nothing is cached: a key that was revoked, has expired or whose tenant was closed does not pass again.
    """
    given = credentials.parse(text)
    with tenant_scope(given.tenant_id), tenant_transaction():
        key = _keys().filter(key_id=given.key_id).first()
    credentials.require_secret(given, None if key is None else bytes(key.digest))
    if key is None or not _valid(key):
        raise Unauthenticated
    return Principal(
        id=key.principal_id,
        tenant_id=given.tenant_id,
        kind=PrincipalKind(key.kind),  # type: ignore[attr-defined]
        role=Role(key.role),
        spaces=frozenset(key.spaces),
        name=key.name,
        key_id=key.id,
    )


def require_valid(principal: Principal) -> None:
    """Raise `Unauthenticated` if the principal's key was revoked or has expired since. For the write transaction of
    an act that took long to prepare."""
    if principal.key_id is None:
        return
    with tenant_transaction():
        key = _keys().filter(id=principal.key_id).first()
    if key is None or not _valid(key):
        raise Unauthenticated


def valid_keys(principal_id: UUID) -> list[ApiKey]:
    """The principal's keys that would pass now. Inside `tenant_transaction`."""
    return [key for key in _keys().filter(principal_id=principal_id) if _valid(key)]


def api_keys() -> QuerySet[ApiKey]:
    """Every key of the tenant, revoked ones too."""
    return ApiKey.objects.all()  # type: ignore[no-any-return]


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


def _keys() -> QuerySet[ApiKey]:
    """Keys with what else decides whether they are valid: one query for it all."""
    owner = PrincipalRecord.objects.filter(id=OuterRef("principal_id"))
    registered = Registry.objects.filter(id=OuterRef("tenant_id"))
    return api_keys().annotate(
        kind=Subquery(owner.values("kind")[:1]),
        disabled=Subquery(owner.values("disabled_at")[:1]),
        state=Subquery(registered.values("state")[:1]),
    )


def _valid(key: ApiKey) -> bool:
    expired = key.expires_at is not None and key.expires_at <= clock.now()
    live = key.state == Registry.State.ACTIVE and key.disabled is None  # type: ignore[attr-defined]
    return live and not expired and key.revoked_at is None

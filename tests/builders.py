"""Builders: what tests make in one line. Plain functions on the real services; nothing is inserted past them."""

from __future__ import annotations

from uuid import UUID

from foundation.kernel.principal import Principal, PrincipalKind, Role


def principal(tenant_id: UUID, role: Role = Role.ADMIN, *, spaces: frozenset[UUID] = frozenset()) -> Principal:
    """An actor of the tenant with no credential behind it."""
    from foundation.kernel.ids import uuid7

    kind = PrincipalKind.AGENT if role is Role.AGENT else PrincipalKind.SERVICE
    return Principal(uuid7(), tenant_id, kind, role, spaces=spaces, name=f"test {role.value}")


def api_key(name: str = "Acme") -> tuple[UUID, str]:
    """A new tenant and its first admin's key: `(tenant_id, api_key)`."""
    from tenants.services.create_tenant import create_tenant

    made = create_tenant(name=name)
    return made.key.tenant_id, made.api_key

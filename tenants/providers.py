"""A tenant's identity provider, as it is kept: sealed under the tenant's key for what staff wrote."""

from __future__ import annotations

from foundation.kernel.canonical import canonical
from foundation.kernel.scope import current_tenant, tenant_transaction
from foundation.keyring import keys
from foundation.keyring.sealing import open_sealed, seal
from tenants.models import IdentityProvider
from tenants.oidc import Provider


def provider() -> tuple[Provider, int] | None:
    """The provider of the tenant in scope and the version of what is said of it; None: its people have passwords."""
    with tenant_transaction():
        row: IdentityProvider | None = IdentityProvider.objects.filter(id=current_tenant()).first()
    if row is None:
        return None
    return Provider.read(open_sealed(keys.named("record"), _place(), bytes(row.sealed))), row.version


def sealed(given: Provider) -> bytes:
    """What is stored of it. Not inside `tenant_transaction`."""
    return seal(keys.named("record"), _place(), given.text())


def _place() -> bytes:
    return canonical(["tenant.identity_provider", str(current_tenant())])

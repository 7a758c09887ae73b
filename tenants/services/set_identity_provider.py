"""Say where a tenant's people sign in."""

from __future__ import annotations

from urllib.parse import urlsplit

from audit.acts import Act
from audit.event import Target
from audit.services.record import record
from foundation.egress import Client, EgressError, Use
from foundation.kernel import clock
from foundation.kernel.principal import Principal
from foundation.kernel.problems import FieldError, Validation, VersionConflict
from foundation.kernel.scope import current_tenant, tenant_transaction
from tenants.models import IdentityProvider
from tenants.oidc import Provider
from tenants.policy import may, require_whole
from tenants.providers import sealed
from tenants.roles import POLICY


def set_identity_provider(principal: Principal, *, provider: Provider | None, version: int) -> None:
    """Set the tenant's identity provider, or take it away (None). `version` is that of what was seen (0: none).

    Raises `PolicyDenied`, `Validation`, `VersionConflict`.
    """
    may(principal, "config.change")
    require_whole(principal)
    told = None
    if provider is not None:
        _require_form(provider)
        told = sealed(provider)
    with tenant_transaction():
        row = IdentityProvider.objects.select_for_update().filter(id=current_tenant()).first()
        if (row.version if row else 0) != version:
            raise VersionConflict
        if told is None:
            IdentityProvider.objects.filter(id=current_tenant()).delete()
        else:
            IdentityProvider(id=current_tenant(), sealed=told, version=version + 1, changed_at=clock.now()).save(
                force_insert=row is None, force_update=row is not None
            )
        detail = {"identity_provider": told is not None}
        target = Target("tenant", current_tenant())
        record(principal, Act.CONFIG_CHANGE, target=target, outcome="ok", policy=POLICY, detail=detail)


def _require_form(provider: Provider) -> None:
    errors = []
    try:
        Client(Use.IDENTITY).check(provider.issuer)
    except EgressError:
        errors.append(FieldError("/issuer", "invalid", "An https address that this deployment may reach."))
    if urlsplit(provider.issuer).query or len(provider.issuer) > 500:
        errors.append(FieldError("/issuer", "invalid", "An address without a query."))
    if not 0 < len(provider.client_id) <= 256:
        errors.append(FieldError("/client_id", "required", "1 to 256 characters."))
    if any("." not in domain or "@" in domain for domain in provider.domains):
        errors.append(FieldError("/domains", "invalid", "Domains, such as example.org."))
    if errors:
        raise Validation(errors=errors)

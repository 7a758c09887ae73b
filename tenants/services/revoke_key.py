"""Take an API key back."""

from __future__ import annotations

from uuid import UUID

from audit.acts import Act
from audit.event import Event, Target
from audit.services.record import record
from foundation.kernel import clock
from foundation.kernel.principal import Principal
from foundation.kernel.problems import NotFound
from foundation.kernel.scope import tenant_transaction
from foundation.rest.etags import etag, require_match
from tenants.models import ApiKey, Resource
from tenants.policy import may, require_reach
from tenants.roles import POLICY
from tenants.services.count_usage import count


def revoke_key(principal: Principal, *, key_id: UUID, if_match: str) -> tuple[ApiKey, Event]:
    """Revoke a key: it does not pass again once this has committed. Revoking twice changes nothing further.

    Raises `PolicyDenied` (also to who does not wholly reach what the key reaches), `NotFound`, `VersionConflict`.
    """
    may(principal, "key.revoke")
    with tenant_transaction():
        key = ApiKey.objects.select_for_update().filter(id=key_id).first()
        if key is None:
            raise NotFound
        require_reach(principal, key.spaces)
        require_match(if_match, etag(1, key.rev))
        if key.revoked_at is None:
            key.revoked_at, key.rev = clock.now(), key.rev + 1
            key.save(update_fields=["revoked_at", "rev"])
            count(principal, Resource.API_KEYS, -1)
        return key, record(principal, Act.KEY_REVOKE, target=Target("api_key", key.id), outcome="ok", policy=POLICY)

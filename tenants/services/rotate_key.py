"""Give a principal a new key in place of an old one."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from audit.acts import Act
from foundation.kernel import clock
from foundation.kernel.principal import Principal
from foundation.kernel.problems import AlreadyDecided
from foundation.kernel.scope import tenant_transaction
from foundation.rest import idempotency
from tenants.models import ApiKey
from tenants.policy import may
from tenants.selectors import api_key
from tenants.services.create_key import NewKey, issue, require_within


def rotate_key(principal: Principal, *, key_id: UUID, overlap: timedelta = timedelta()) -> NewKey:
    """A new secret for the same principal, role, reach and end; the old one works for `overlap` longer.

    Raises `NotFound`, `AlreadyDecided` (the key is revoked or has expired), `PolicyDenied`.
    """
    may(principal, "key.rotate")
    at = clock.now()
    with tenant_transaction():
        old = api_key(key_id)
        old = ApiKey.objects.select_for_update().get(id=old.id)
        require_within(principal, old.spaces, old.expires_at)
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= at):
            raise AlreadyDecided("The key is revoked or has expired.")
        made = issue(
            principal,
            Act.KEY_ROTATE,
            principal_id=old.principal_id,
            role=old.role,
            name=old.name,
            spaces=old.spaces,
            expires_at=old.expires_at,
            rotated_from=old.id,
        )
        old.expires_at = min(filter(None, (old.expires_at, at + overlap)))
        old.rev += 1
        old.save(update_fields=["expires_at", "rev"])
        idempotency.complete(made.key.id, 201)
    return made

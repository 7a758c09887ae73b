"""Make, change and delete spaces."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from audit.acts import Act
from audit.services.record import Target, record
from foundation.kernel.clock import now
from foundation.kernel.principal import Principal
from foundation.kernel.problems import Conflict, FieldError, Validation
from foundation.kernel.scope import savepoint, tenant_transaction
from foundation.rest import idempotency
from foundation.rest.etags import etag, require_match
from governance.models import MemCube, Space, State
from governance.retention.selectors import require_policy
from governance.selectors import reach_space
from guard.selectors import pii_policy
from tenants.models import Resource
from tenants.names import require_name
from tenants.policy import may
from tenants.roles import POLICY
from tenants.services.count_usage import count

DEFAULT_GRACE = timedelta(hours=24)
LONGEST_GRACE = timedelta(days=3650)


def create_space(
    principal: Principal,
    *,
    name: str,
    pii_policy_id: UUID | None = None,
    retention_policy_id: UUID | None = None,
    delete_grace: timedelta = DEFAULT_GRACE,
    merge_duplicates: bool = False,
    strength: float = 0.0,
) -> Space:
    """A new space. Raises `Validation` when the name is taken or a policy is unknown."""
    may(principal, Act.SPACE_CREATE)
    _check_policies(pii_policy_id, retention_policy_id)
    told = {"delete_grace": delete_grace, "merge_duplicates": merge_duplicates, "strength": strength}
    space = Space(name=name, pii_policy_id=pii_policy_id, **told)
    _name_retention(space, retention_policy_id)
    with tenant_transaction():
        count(principal, Resource.SPACES)
        _save(space, force_insert=True)
        record(principal, Act.SPACE_CREATE, target=Target("space", space.id, space.version), policy=POLICY)
        idempotency.complete(space.id, 201)
    return space


def update_space(principal: Principal, *, space_id: UUID, if_match: str, changes: dict[str, Any]) -> Space:
    """Change a space that `if_match` names; raises `VersionConflict` otherwise."""
    reach_space(principal, space_id, Act.SPACE_UPDATE)
    changes = dict(changes)
    _check_policies(changes.get("pii_policy_id"), changes.get("retention_policy_id"))
    with tenant_transaction():
        space = _locked(space_id, if_match)
        _name_retention(space, changes.pop("retention_policy_id", space.retention_policy_id))
        for field, value in changes.items():
            setattr(space, field, value)
        space.version += 1
        _save(space, force_update=True)
        record(principal, Act.SPACE_UPDATE, target=Target("space", space.id, space.version))
    return space


def delete_space(principal: Principal, *, space_id: UUID, if_match: str) -> Space:
    """Delete an empty space; raises `Conflict` while it holds memories that are not forgotten."""
    reach_space(principal, space_id, Act.SPACE_DELETE)
    with tenant_transaction():
        space = _locked(space_id, if_match)
        if MemCube.objects.filter(space_id=space_id).exclude(state=State.FORGOTTEN).exists():
            raise Conflict("The space still holds memories: forget them first.")
        space.deleted_at, space.version = now(), space.version + 1
        space.save(force_update=True)
        record(principal, Act.SPACE_DELETE, target=Target("space", space.id, space.version))
    return space


def _locked(space_id: UUID, if_match: str) -> Space:
    space: Space = Space.objects.select_for_update().get(id=space_id)
    require_match(if_match, etag(space.version))
    return space


def _save(space: Space, **how: bool) -> None:
    require_name(space.name)
    try:
        with savepoint():
            space.save(**how)
    except IntegrityError as error:
        raise Validation(errors=[FieldError("/name", "taken", "A space of this name exists.")]) from error


def _check_policies(pii_policy_id: UUID | None, retention_policy_id: UUID | None) -> None:
    if pii_policy_id is not None:
        pii_policy(pii_policy_id)
    if retention_policy_id is not None:
        require_policy(retention_policy_id)


def _name_retention(space: Space, policy_id: UUID | None) -> None:
    """What the space newly names, it names since now: until then nothing of it was over."""
    if policy_id != space.retention_policy_id:
        space.retention_policy_id, space.retention_since = policy_id, now() if policy_id else None

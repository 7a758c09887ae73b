"""Take in a new tenant."""

from __future__ import annotations

from audit.acts import Act
from audit.event import Target
from audit.services.record import record
from foundation.kernel.ids import uuid7
from foundation.kernel.models import Registry
from foundation.kernel.principal import Principal, Role
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tenants.models import Tenant
from tenants.names import require_name
from tenants.policy import may
from tenants.roles import POLICY
from tenants.services.create_key import NewKey, create_key


def create_tenant(*, name: str) -> NewKey:
    """A new tenant with its first admin key, whose text is shown once. The platform's own act: no scope is needed.

    The tenant's id is `made.key.tenant_id`.
    """
    operator = Principal.system(uuid7())
    may(operator, "tenant.create")
    with tenant_scope(operator.tenant_id), tenant_transaction():
        Registry.objects.create(id=operator.tenant_id)
        Tenant(id=operator.tenant_id, name=require_name(name)).save(force_insert=True)
        record(operator, Act.TENANT_CREATE, target=Target("tenant", operator.tenant_id), outcome="ok", policy=POLICY)
        return create_key(operator, role=Role.ADMIN, name="first admin")

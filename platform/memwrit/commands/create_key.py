"""`memwrit key create`: an API key of any role, made by the platform's operator and told to the tenant's log."""

from __future__ import annotations

import argparse

from foundation.kernel.principal import Principal, Role
from foundation.kernel.scope import tenant_scope
from memwrit.commands.telling import known_tenant, one_id, tell
from tenants.services.create_key import create_key


def run(arguments: argparse.Namespace) -> int:
    """The key is shown once."""
    tenant_id = known_tenant(arguments.tenant)
    spaces = [one_id(space, "--space") for space in arguments.space]
    role = Role(arguments.role)
    with tenant_scope(tenant_id):
        made = create_key(Principal.system(tenant_id), role=role, name=arguments.name or role.value, spaces=spaces)
    told = {"tenant_id": str(tenant_id), "key_id": str(made.key.id), "role": role.value, "api_key": made.api_key}
    tell(arguments, told)
    return 0

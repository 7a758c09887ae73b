"""`memwrit person create`: someone who signs in to the console."""

from __future__ import annotations

import argparse
import sys

from django.conf import settings

from foundation.kernel.principal import Principal, Role
from foundation.kernel.scope import tenant_scope
from memwrit.commands.telling import known_tenant, one_id, tell
from tenants.services.create_person import create_person


def run(arguments: argparse.Namespace) -> int:
    """The password, if any, comes on standard input: an argument would stand in the process list."""
    tenant_id = known_tenant(arguments.tenant)
    password = sys.stdin.readline().rstrip("\r\n") if arguments.password_stdin else None
    spaces = [one_id(space, "--space") for space in arguments.space]
    with tenant_scope(tenant_id):
        person = create_person(
            Principal.system(tenant_id),
            email=arguments.email,
            role=Role(arguments.role),
            name=arguments.name,
            password=password,
            spaces=spaces,
        )
    told = {"tenant_id": str(tenant_id), "person_id": str(person.id), "role": arguments.role}
    tell(arguments, told | {"sign_in": f"{settings.PUBLIC_URL.rstrip('/')}/console/t/{tenant_id}/"})
    return 0

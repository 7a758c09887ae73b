"""`memwrit tenant create NAME`: a tenant and its first admin key."""

from __future__ import annotations

import argparse

from memwrit.commands.telling import tell
from tenants.services.create_tenant import create_tenant


def run(arguments: argparse.Namespace) -> int:
    """The key is shown once; nothing of it is held in a form that could be shown again."""
    made = create_tenant(name=arguments.name)
    tell(arguments, {"tenant_id": str(made.key.tenant_id), "api_key": made.api_key})
    return 0

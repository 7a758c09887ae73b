"""`memwrit tenant create NAME...`: tenants, each with its first admin key."""

from __future__ import annotations

import argparse

from memwrit.commands.telling import tell
from tenants.services.create_tenant import create_tenant


def run(arguments: argparse.Namespace) -> int:
    """The keys are shown once; nothing of them is held in a form that could be shown again."""
    for name in arguments.names:
        made = create_tenant(name=name)
        tell(arguments, {"tenant_id": str(made.key.tenant_id), "api_key": made.api_key})
    return 0

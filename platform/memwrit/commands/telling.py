"""What commands share: reading ids, and telling a person or a program what was made. Needs no Django until asked."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from uuid import UUID

from memwrit.upkeep import tenants


class Refused(Exception):
    """The arguments make no sense here; the message says why."""


def tell(arguments: argparse.Namespace, told: Mapping[str, str]) -> None:
    """One JSON object with `--json`, else a line for each fact."""
    if arguments.json:
        print(json.dumps(told))
        return
    width = max(map(len, told))
    for name, value in told.items():
        print(f"{name:<{width}}  {value}")


def one_id(given: str, argument: str) -> UUID:
    """The id, or `Refused`."""
    try:
        return UUID(given)
    except ValueError:
        raise Refused(f"{argument} is not an id") from None


def chosen_tenants(arguments: argparse.Namespace) -> list[UUID]:
    """The tenant named by `--tenant`, else every active one."""
    return [known_tenant(arguments.tenant)] if arguments.tenant else list(tenants())


def known_tenant(given: str) -> UUID:
    """The id of a tenant there is, or `Refused`."""
    from foundation.kernel.models import Registry

    tenant_id = one_id(given, "--tenant")
    if not Registry.objects.filter(id=tenant_id).exists():
        raise Refused("there is no such tenant")
    return tenant_id

"""`memwrit parity`: does the index hold exactly the records that are served? Orphans are a privacy incident."""

from __future__ import annotations

import argparse
import json
from uuid import UUID

from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.search import generations
from foundation.search.engine import engine
from governance import indexing, lifecycle
from governance.models import MemCube
from memwrit.commands.telling import chosen_tenants


def run(arguments: argparse.Namespace) -> int:
    """0 when both agree for every tenant, 1 when not."""
    found = [_compared(tenant_id) for tenant_id in chosen_tenants(arguments)]
    for told in found:
        line = f"{told['tenant_id']}  missing {told['missing']}  orphans {told['orphans']}"
        print(json.dumps(told) if arguments.json else line)
    return 1 if any(told["missing"] or told["orphans"] for told in found) else 0


def _compared(tenant_id: UUID) -> dict[str, str | int]:
    """Records that should be found and are not, and records that are found and should not be."""
    with tenant_scope(tenant_id), tenant_transaction(snapshot=True):
        records = MemCube.objects.filter(frozen=False, state__in=lifecycle.SERVED)
        served, held = set(records.values_list("id", flat=True)), _held()
    return {"tenant_id": str(tenant_id), "missing": len(served - held), "orphans": len(held - served)}


def _held() -> set[UUID]:
    """Every record in the index: what an engine holds though nothing is expected of it."""
    parities = [engine().parity(generation, indexing.MEMORY, ()) for generation in generations.live()]
    return {memory_id for parity in parities for memory_id, _ in parity.orphans}

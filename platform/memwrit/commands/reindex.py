"""`memwrit reindex`: write the search index anew from PostgreSQL. Nothing is embedded again; searches go on."""

from __future__ import annotations

import argparse
import json
import sys
from uuid import UUID

from tqdm import tqdm

from foundation.kernel.scope import tenant_scope, tenant_transaction
from governance import indexing
from governance.models import MemCube
from memwrit.commands.telling import chosen_tenants

BATCH = 100


def run(arguments: argparse.Namespace) -> int:
    """Every record of each tenant, in batches; a progress bar on a terminal, JSON lines with `--json`."""
    for tenant_id in chosen_tenants(arguments):
        with tenant_scope(tenant_id):
            indexing.restore()
            _reindex(tenant_id, arguments)
    return 0


def _reindex(tenant_id: UUID, arguments: argparse.Namespace) -> None:
    with tenant_transaction():
        ids = list(MemCube.objects.order_by("id").values_list("id", flat=True))
    with tqdm(total=len(ids), desc=str(tenant_id), disable=arguments.json or not sys.stderr.isatty()) as bar:
        for start in range(0, len(ids), BATCH):
            batch = ids[start : start + BATCH]
            indexing.reindex(batch)
            bar.update(len(batch))
            if arguments.json:
                print(json.dumps({"tenant_id": str(tenant_id), "done": start + len(batch), "of": len(ids)}))

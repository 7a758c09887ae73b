"""What is written down of a search: which versions were handed out, under which rank, and the way back from each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

from foundation.kernel.clock import now
from foundation.kernel.ids import uuid7
from foundation.kernel.principal import Principal
from foundation.kernel.rows import execute, uuids
from foundation.kernel.scope import current_work
from governance.models import Retrieval
from governance.opening import Place
from governance.weighing import Found

NEIGHBOUR = "context"
# One statement: the hits' foreign keys are checked at its end.
_KEEP = """WITH kept AS (
  INSERT INTO governance_retrieval (id, tenant_id, principal_id, at, hits, withheld, took_ms)
  VALUES (%(id)s, %(tenant)s, %(principal)s, %(at)s, %(hits)s::jsonb, %(withheld)s, %(took)s))
INSERT INTO governance_retrievalhit (id, tenant_id, retrieval_id, memcube_id, version)
SELECT hit.id, %(tenant)s, %(id)s, hit.memcube_id, hit.version
  FROM unnest(%(ids)s::uuid[], %(records)s::uuid[], %(versions)s::int[]) AS hit (id, memcube_id, version)"""


def keep(
    principal: Principal,
    found: Sequence[Found],
    beside: Mapping[Place, Sequence[Found]],
    withheld: int,
    began: float,
) -> Retrieval:
    """Write what is handed out (in the transaction of its event). Each version once: a hit under its rank; a neighbour
    under the rank of the best hit it came with, marked. `began`: when the question came, by `perf_counter`."""
    lines = _lines(found, beside)
    hits = [[str(cube_id), number, *told] for (cube_id, number), told in lines.items()]
    took = round((perf_counter() - began) * 1000)
    made = Retrieval(id=uuid7(), principal_id=principal.id, at=now(), hits=hits, withheld=withheld, took_ms=took)
    places = sorted(lines)
    values = {
        "id": made.id,
        "tenant": current_work().tenant_id,
        "principal": made.principal_id,
        "at": made.at,
        "hits": json.dumps(hits),
        "withheld": withheld,
        "took": took,
        "ids": uuids(uuid7() for _ in places),
        "records": uuids(record for record, _ in places),
        "versions": [number for _, number in places],
    }
    execute(_KEEP, values)
    return made


def _lines(found: Sequence[Found], beside: Mapping[Place, Sequence[Found]]) -> dict[Place, list[Any]]:
    lines: dict[Place, list[Any]] = {
        each.memory.place: [rank, each.standing.value] for rank, each in enumerate(found, start=1)
    }
    for rank, hit in enumerate(found, start=1):
        for each in beside.get(hit.memory.place, ()):
            lines.setdefault(each.memory.place, [rank, each.standing.value, NEIGHBOUR])
    return lines

"""How strong a memory still is: it fades with time, by its kind, and is refreshed by being used.

Retention follows Ebbinghaus' curve, `exp(-age / stability)`: the age since the memory was written, read or confirmed
last, and a stability that grows with the logarithm of how often it was used. Where a space gives strength a weight, a
faded memory loses up to that weight in the order of results; none is hidden by it, and none gains. Asked about the
past it counts for nothing: what was read later would show through the order. `docs/decisions/strength.md`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp, log, log1p
from uuid import UUID

from foundation.kernel.clock import now
from foundation.kernel.ids import made_at_ms
from foundation.kernel.rows import execute
from foundation.kernel.scope import current_work
from foundation.search.fusion import Fused, ranked
from governance.models import Kind

HALF_LIFE = {
    Kind.WORKING: timedelta(days=1),
    Kind.EPISODIC: timedelta(days=30),
    Kind.SEMANTIC: timedelta(days=365),
    Kind.PROCEDURAL: timedelta(days=365),
}
"""How long until half of it is left, if it is never used. Core, resource and vault memories do not fade."""
READS_COUNTED = 16
"""The latest reads that count: being read often makes a memory firm, and no more than that."""
CONFIRMATION = 4
"""How many reads the word of another that acting on it went well is worth; that it went badly takes as many away."""
HEAVIEST = 0.5
"""The most a space may let strength weigh: half of what fusion gives the best candidate."""

_USES = """
SELECT m.id, m.space_id, m.kind, v.recorded_at, ARRAY(
         SELECT h.id FROM governance_retrievalhit h WHERE h.tenant_id = m.tenant_id AND h.memcube_id = m.id
          ORDER BY h.id DESC LIMIT %s),
       c.good, c.bad, c.last
  FROM governance_memcube m
  JOIN governance_version v ON v.tenant_id = m.tenant_id AND v.memcube_id = m.id AND v.number = m.version
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE success) AS good, count(*) FILTER (WHERE NOT success) AS bad,
              max(at) FILTER (WHERE success) AS last
         FROM governance_citation c WHERE c.tenant_id = m.tenant_id AND c.memcube_id = m.id) c
 WHERE m.tenant_id = %s AND m.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """What became of one memory. `reads` counts up to `READS_COUNTED`; `good` and `bad` are other principals' words."""

    space_id: UUID
    kind: str
    written_at: datetime
    reads: int = 0
    read_at: datetime | None = None
    good: int = 0
    bad: int = 0
    confirmed_at: datetime | None = None

    def strength(self, at: datetime) -> float:
        """Between 0 (faded) and 1 (fresh, or of a kind that does not fade)."""
        half_life = HALF_LIFE.get(Kind(self.kind))
        if half_life is None:
            return 1.0
        uses = max(0, self.reads + CONFIRMATION * (self.good - self.bad))
        stability = half_life / log(2) * (1 + log1p(uses))
        return exp(-max(timedelta(0), at - self._refreshed_at()) / stability)

    def _refreshed_at(self) -> datetime:
        return max(each for each in (self.written_at, self.read_at, self.confirmed_at) if each)


def usage(ids: Sequence[UUID]) -> dict[UUID, Usage]:
    """How each of the memories was used (inside a transaction)."""
    rows = execute(_USES, [READS_COUNTED, current_work().tenant_id, list(ids)])
    return {
        memory_id: Usage(space_id, kind, written, len(reads), _latest(reads), *confirmed)
        for memory_id, space_id, kind, written, reads, *confirmed in rows
    }


def _latest(reads: Sequence[UUID]) -> datetime | None:
    """When the first of them was made: their ids tell."""
    return datetime.fromtimestamp(made_at_ms(reads[0]) / 1000, UTC) if reads else None


def weakened(found: Sequence[Fused], weights: Mapping[UUID, float]) -> list[Fused]:
    """The same results; what has faded, in spaces with a weight, further down (inside a transaction)."""
    if not any(weights.values()):
        return list(found)
    used, at = usage([each.id for each in found]), now()
    return ranked([_weakened(each, used.get(each.id), weights, at) for each in found])


def _weakened(one: Fused, used: Usage | None, weights: Mapping[UUID, float], at: datetime) -> Fused:
    weight = weights.get(used.space_id, 0.0) if used else 0.0
    if not (used and weight):
        return one
    return one.with_priors({**one.priors, "strength": -weight * (1 - used.strength(at))})

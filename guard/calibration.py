"""From a raw score to a p-value, by split-conformal calibration: the share of benign records that score at least as
high.

Groups, not records, are exchangeable (a thread is one witness, however long), so each group weighs the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from guard.types import Evidence, GuardPolicy, Shape


@dataclass(frozen=True, slots=True)
class Tail:
    """`points` are (p, score) with p falling; `groups` bounds how small a p the data can support."""

    points: tuple[tuple[float, float], ...]
    groups: int

    def p(self, score: float) -> float:
        """The smallest calibrated share that still reaches the score, never below 1/(groups+1)."""
        reached = [share for share, bound in self.points if score > bound]
        return max(min(reached, default=1.0), 1 / (self.groups + 1))


@lru_cache(maxsize=1)
def pooled() -> Mapping[str, Tail]:
    """The calibration that ships with the code, by `<channel>/<signal>`."""
    raw = json.loads(files("guard.coefficients").joinpath("calibration.json").read_text())
    return {name: Tail(tuple((p, score) for p, score in row["tail"]), row["groups"]) for name, row in raw.items()}


def tail_of(pairs: Sequence[tuple[str, float]]) -> Tail:
    """A tenant's own tail from its (group, score) pairs; the record judged counts as one group more."""
    sizes = Counter(group for group, _ in pairs)
    points, reached = [], 1 / (len({group for group, _ in pairs}) + 1)
    for group, score in sorted(pairs, key=lambda pair: -pair[1]):
        reached += 1 / sizes[group] / (len(sizes) + 1)
        points.append((reached, score))
    return Tail(tuple(reversed(points)), len(sizes))


def tail_for(signal: str, channel: str, shape: Shape, evidence: Evidence, policy: GuardPolicy) -> tuple[Tail, str]:
    """The tail to judge by and whose it is: `tenant` once it has enough benign records of the shape, else `pooled`."""
    own = evidence.calibration.get(f"{shape}/{signal}", ())
    if len(own) >= policy.tenant_calibration_from:
        return tail_of(own), "tenant"
    known = pooled()
    return known.get(f"{channel}/{signal}") or known[f"external/{signal}"], "pooled"

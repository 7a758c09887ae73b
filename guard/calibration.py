"""From a raw score to a p-value, by split-conformal calibration: the share of benign records that score at least as
high.

Groups, not records, are exchangeable (a thread is one witness, however long), so each group weighs the same.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from guard.types import Calibration, Shape, Tail

SHARES = {"instruction": 0.6, "consensus": 0.4}
"""How alpha is divided among the graded signals (Bonferroni, weighted), so that together they hold alpha at most."""

GRID = (0.5, 0.3, 0.2, 0.15, 0.1, 0.07, 0.05, 0.04, 0.03, 0.025, 0.02, 0.015, 0.01, 0.0075, 0.006, 0.005, 0.004, 0.003)
"""The shares a stored tail keeps a bound for; finer ones follow down to what its groups support."""


@dataclass(frozen=True, slots=True)
class Scored:
    """One benign record's score on one signal; records of one `group` (thread, patient, source) are not independent."""

    shape: str
    signal: str
    group: str
    score: float


@lru_cache(maxsize=1)
def pooled() -> Mapping[str, Tail]:
    """The calibration that ships with the code, by `<channel>/<signal>`."""
    raw = json.loads(files("guard.coefficients").joinpath("calibration.json").read_text())
    return {name: Tail(tuple((p, score) for p, score in row["tail"]), row["groups"]) for name, row in raw.items()}


def tail_of(pairs: Sequence[tuple[str, float]]) -> Tail:
    """A tenant's own tail from its (group, score) pairs; the record judged counts as one group more."""
    sizes = Counter(group for group, _ in pairs)
    points, reached = [], 1 / (len(sizes) + 1)
    for group, score in sorted(pairs, key=lambda pair: -pair[1]):
        reached += 1 / sizes[group] / (len(sizes) + 1)
        points.append((reached, score))
    return Tail(tuple(reversed(points)), len(sizes))


def thinned(tail: Tail) -> Tail:
    """The same tail on the grid: for each share the lowest bound that keeps it, so a p is never too small."""
    floor = 1 / (tail.groups + 1)
    shares = [*(share for share in GRID if share > floor), 2 * floor]
    points = {share: min((bound for p, bound in tail.points if p <= share), default=None) for share in shares}
    kept = tuple((share, bound) for share, bound in sorted(points.items(), reverse=True) if bound is not None)
    return Tail(kept, tail.groups)


def calibrate(version: int, scored: Iterable[Scored], least: int) -> Calibration:
    """A tenant's calibration from its benign records: a tail for each kind of which there are at least `least`."""
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for each in scored:
        found[f"{each.shape}/{each.signal}"].append((each.group, each.score))
    tails = {name: thinned(tail_of(pairs)) for name, pairs in found.items() if len(pairs) >= least}
    return Calibration(version, tails)


def tail_for(signal: str, name: str, shape: Shape, calibration: Calibration, alpha: float) -> tuple[Tail, str]:
    """The tail for `name` (`<channel>/<statistic>`) and whose it is: the tenant's where its groups are enough to tell
    `signal`'s share of alpha, else the pooled one."""
    own = calibration.tails.get(f"{shape}/{name}")
    if own is not None and 1 / (own.groups + 1) <= SHARES[signal] * alpha:
        return own, f"tenant@{calibration.version}"
    known = pooled()
    return known.get(name) or known[f"external/{name.partition('/')[2]}"], "pooled"

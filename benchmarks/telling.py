"""What a benchmark tells: JSON lines on stdout, a table on stderr, and on demand a file of results."""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(slots=True)
class Telling:
    """The lines of one run. Each says how busy the machine was (1.0 is every core, ours included) and its pace."""

    bench: str
    lines: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, figure: str, **facts: Any) -> None:
        line = {"bench": self.bench, "figure": figure, **facts, "busy": busy(), "pace_ms": pace()}
        self.lines.append(line)
        print(json.dumps(line), flush=True)
        print(f"{figure:28} {'  '.join(f'{name} {value}' for name, value in facts.items())}", file=sys.stderr)

    def keep(self, name: str) -> None:
        """Write the lines to `benchmarks/results/NAME.jsonl`."""
        text = "".join(f"{json.dumps(line)}\n" for line in self.lines)
        (RESULTS / f"{name}.jsonl").write_text(text, encoding="utf-8")


def busy() -> float:
    return round(os.getloadavg()[0] / (os.cpu_count() or 1), 1)


def pace() -> float:
    """Milliseconds of processor time that a fixed piece of work takes now. A machine that others share may be three
    times slower from one minute to the next, and no load tells."""
    began, counts = time.process_time(), dict[int, int]()
    for number in range(30_000):
        counts[number % 977] = counts.get(number % 977, 0) + len(str(number))
    return round(1000 * (time.process_time() - began), 1)


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def told(self, digits: int = 2) -> dict[str, Any]:
        least, most = min(self.values), max(self.values)
        return {"median": round(self.median, digits), "range": [round(least, digits), round(most, digits)]}


def timed(act: Callable[[Any], Any], inputs: Sequence[Any]) -> list[float]:
    """Milliseconds of each call."""
    taken = []
    for one in inputs:
        began = time.perf_counter()
        act(one)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie, as one of them."""
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]

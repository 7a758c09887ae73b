"""`./dev bench guard [--quick | --seeds N] [--only SLICE] [--no-peers] [--keep]`: attacks and benign twins.

In this process, with no model but the embedder, every row at one stated alpha. JSON lines on stdout (slices by seed, a
`summary` a measure, ablations, other packages, times), a table with the goals on stderr; `--keep` writes the lines to
`benchmarks/results` and the calibration curve to `docs/images`. *served*: poison admitted and among the first ten of
its target question; *settled*: served without a warning label; *win*: settled against a benign record that is not.
Text slices that taught the coefficients say so (`in_sample`).
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import guard_rag, guard_slices
from benchmarks.guard_bench import Bench, Vectors, percentiles, wilson
from benchmarks.guard_figure import write
from benchmarks.guard_goals import goal_of, mark
from benchmarks.guard_peers import peers
from guard.types import GuardPolicy

ROOT = Path(__file__).resolve().parents[1]
SLICES = (
    guard_slices.ehr,
    guard_slices.qa,
    guard_rag.rag,
    guard_rag.rag_shared,
    guard_slices.texts,
    guard_slices.own_words,
)
GOOD = frozenset({"detected", "benign_settled", "admitted"})
"""Measures of which more is better."""


def run(args: Sequence[str] = ()) -> int:
    seeds = 1 if "--quick" in args else int(args[args.index("--seeds") + 1]) if "--seeds" in args else 5
    started, bench = time.perf_counter(), Bench(GuardPolicy(), Vectors())
    only = args[args.index("--only") + 1] if "--only" in args else ""
    for seed in range(seeds):
        for slice_of in (each for each in SLICES if only in ("", each.__name__)):
            slice_of(bench, seed)
            _say(f"seed {seed} {slice_of.__name__}: {time.perf_counter() - started:.0f} s")
    bench.vectors.keep()
    lines = [*report(bench), *times(bench, started)]
    if "--no-peers" not in args:
        lines += [{"bench": "guard", **row} for row in peers(list(bench.seen.values()))]
    for line in lines:
        print(json.dumps(line))
    table(bench, lines, seeds)
    if "--keep" in args:
        keep(bench, lines, seeds)
    return 0


def report(bench: Bench) -> Iterator[dict[str, Any]]:
    for name, seeds in bench.rows.items():
        for seed, tally in seeds.items():
            yield {
                "bench": "guard", "slice": name, "seed": seed, "alpha": bench.policy.alpha,
                **{measure: [hits, total] for measure, (hits, total) in tally.counts.items()},
            }  # fmt: skip
    yield from summary(bench)
    yield from ablation(bench)
    marked = {name: tally.counts[name.split("/")[1]] for name, tally in bench.recurring.items()}
    yield {"bench": "guard", "recurring": {name: counts for name, counts in marked.items() if counts[0]}}
    for kind, points in curve(bench).items():
        yield {"bench": "guard", "curve": kind, "held": {str(alpha): counts for alpha, counts in points.items()}}


def summary(bench: Bench) -> Iterator[dict[str, Any]]:
    """One row a slice and measure: mean over all seeds, worst seed, Wilson interval, goals."""
    for name, seeds in bench.rows.items():
        for measure in dict.fromkeys(measure for tally in seeds.values() for measure in tally.counts):
            counts = [tally.counts[measure] for tally in seeds.values() if measure in tally.counts]
            hits, total = (sum(column) for column in zip(*counts, strict=True))
            shares, mean = [hit / number for hit, number in counts if number], hits / max(1, total)
            goal, (low, high) = goal_of(name, measure), wilson(hits, total)
            yield {
                "bench": "guard", "summary": True, "slice": name, "measure": measure, "mean": round(mean, 4),
                "worst": round((min if measure in GOOD else max)(shares, default=0.0), 4),
                "wilson95": [round(low, 4), round(high, 4)], "n": total, "alpha": bench.policy.alpha,
                "first": goal and goal.first, "goal": goal and goal.best, "mark": mark(goal, round(mean, 4)),
                "in_sample": name.startswith("instruction"),
            }  # fmt: skip


def ablation(bench: Bench) -> Iterator[dict[str, Any]]:
    """Verdicts decided again without one signal, where that changes anything. What was admitted before stays."""
    whole = {(row["slice"], row["measure"]): row["mean"] for row in summary(bench)}
    for signal, slices in bench.without.items():
        changed = {}
        for name, tally in slices.items():
            place, measure = name.split("/")
            hits, total = tally.counts[measure]
            if abs(hits / total - whole[place, measure]) >= 0.001:
                changed[name] = [whole[place, measure], round(hits / total, 4)]
        yield {"bench": "guard", "without": signal, "alpha": bench.policy.alpha, "changed": changed}


def times(bench: Bench, started: float) -> Iterator[dict[str, Any]]:
    yield {"bench": "guard", "slice": "all-judged", "n": len(bench.wall), "wall": percentiles(bench.wall)}
    cpu = guard_slices.latency(bench)
    yield {"bench": "guard", "slice": "latency-16-evidence", "n": len(cpu), "cpu": percentiles(cpu)}
    seconds = round(time.perf_counter() - started)
    yield {"bench": "guard", "slice": "run", "seconds": seconds, "embeddings_made": bench.vectors.made}


def table(bench: Bench, lines: Sequence[dict[str, Any]], seeds: int) -> None:
    _say(f"\nguard at alpha = {bench.policy.alpha:.1%}, {seeds} seeds, percent: mean (worst seed) [Wilson 95] goals")
    for row in (row for row in lines if row.get("summary")):
        low, high = (100 * bound for bound in row["wilson95"])
        bounds = f"{100 * row['first']:5.1f} / {100 * row['goal']:5.1f}  {row['mark']}" if row["mark"] else ""
        _say(
            f"{row['slice']:34} {row['measure']:15} {100 * row['mean']:6.1f} ({100 * row['worst']:5.1f}) "
            f"[{low:5.1f}, {high:5.1f}] n={row['n']:<5} {bounds}"
        )
    for row in lines:
        if told := _told(row):
            _say(told)


def _told(row: dict[str, Any]) -> str:
    if "without" in row:
        changed = (f"{name} {100 * one:.1f}→{100 * other:.1f}" for name, (one, other) in row["changed"].items())
        return f"without {row['without']:12} " + ", ".join(changed)
    if "recurring" in row:
        return "recurring: " + ", ".join(
            f"{name} {hits} of {total}" for name, (hits, total) in row["recurring"].items()
        )
    if "cpu" in row or "wall" in row:
        return f"{row['slice']}: { ({key: row[key] for key in ('cpu', 'wall') if key in row}) } over {row['n']} records"
    if "seconds" in row:
        return f"run: {row['seconds']} s, {row['embeddings_made']} embeddings made"
    if "peer" in row:
        return f"{row['peer']}: " + (f"skipped, {row['skipped']}" if "skipped" in row else beside(row))
    return ""


def beside(row: dict[str, Any]) -> str:
    """Another package's shares, ours in brackets."""
    parts = []
    for kind in ("poison", "benign"):
        rows = [counts for name, counts in row["slices"].items() if name.endswith(kind)]
        theirs, ours, total = (sum(column) for column in zip(*rows, strict=True))
        parts.append(f"{kind} stopped {100 * theirs / total:.1f} % (ours {100 * ours / total:.1f} %) of {total}")
    return ", ".join(parts) + f", {row['ms_a_record']} ms a record"


def keep(bench: Bench, lines: Sequence[dict[str, Any]], seeds: int) -> None:
    target = ROOT / "benchmarks" / "results" / f"guard-{seeds}-seeds.jsonl"
    target.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    kinds = curve(bench)
    caption = (
        f"Share of harmless records held, by kind (records judged in brackets), {seeds} seeds; thresholds come from "
        "other benign groups. Hard rules hold whatever alpha is: that is where a curve is flat."
    )
    write(kinds, caption, ROOT / "docs" / "images" / "guard-calibration.svg")


def curve(bench: Bench) -> dict[str, dict[float, list[int]]]:
    """Harmless records held, by kind and alpha; what users say of themselves is one kind."""
    kinds: dict[str, dict[float, list[int]]] = {}
    for name, points in bench.curve.items():
        if name.startswith("benign-"):
            kind = "own words" if name.startswith("benign-own-") else name.removeprefix("benign-")
            row = kinds.setdefault(kind, {alpha: [0, 0] for alpha in points})
            for alpha, (held, total) in points.items():
                row[alpha] = [row[alpha][0] + held, row[alpha][1] + total]
    return kinds


def _say(text: str) -> None:
    print(text, file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))

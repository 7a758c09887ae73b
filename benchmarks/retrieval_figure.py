"""Pictures of kept results: recall of each way of asking, how long stores take, and what size does. Readable by day and
night.

`./dev bench retrieval_figure` reads `benchmarks/results` and writes `docs/images/retrieval-*.svg`; a picture whose
results are not there is left out, by name.
"""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from benchmarks.ground import ROOT
from benchmarks.guard_figure import COLOURS, STYLE
from benchmarks.telling import RESULTS

IMAGES = ROOT / "docs" / "images"
WIDTH, LEFT, RIGHT, TOP, ROW = 760, 250, 40, 84, 30
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Axis:
    """The values at its ends, those that get a line, and their unit. `log`: equal steps are equal ratios."""

    low: float
    high: float
    marks: Sequence[float]
    unit: str
    log: bool = False

    def x(self, value: float) -> float:
        """Where `value` lies, within the picture."""
        scale = math.log if self.log else float
        low, high, at = scale(self.low), scale(self.high), scale(min(max(value, self.low), self.high))
        return LEFT + (WIDTH - LEFT - RIGHT) * (at - low) / (high - low)


def run(args: list[str]) -> None:
    """Draw what there are results for."""
    for name, draw in {"recall": _recall, "latency": _latency, "scale": _scale}.items():
        picture = draw()
        if picture is None:
            print(f"no results for {name}: not drawn", file=sys.stderr)
        else:
            (IMAGES / f"retrieval-{name}.svg").write_text(picture, encoding="utf-8")
            print(f"docs/images/retrieval-{name}.svg")


def dots(title: str, note: str, rows: Mapping[str, Mapping[str, float]], axis: Axis) -> str:
    """SVG text: a line a row, a dot a series. Rows name their series; a colour means the same in all of them."""
    series = list(dict.fromkeys(name for row in rows.values() for name in row))
    colours = dict(zip(series, COLOURS, strict=False))
    bottom = TOP + ROW * len(rows)
    parts = [_marks(axis, bottom), _legend(colours)]
    parts += [
        _row(TOP + ROW * (place + 0.5), label, row, axis, colours) for place, (label, row) in enumerate(rows.items())
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {bottom + 50}" role="img" aria-label="{escape(title)}">'
        f"<style>{STYLE}</style><text class='title' x='16' y='24'>{escape(title)}</text>"
        f"<text class='small' x='16' y='42'>{escape(note)}</text>{''.join(parts)}</svg>\n"
    )


def _marks(axis: Axis, bottom: float) -> str:
    parts = []
    for mark in axis.marks:
        x = axis.x(mark)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP - 4}" x2="{x:.1f}" y2="{bottom}"/>')
        parts.append(f'<text text-anchor="middle" x="{x:.1f}" y="{bottom + 18}">{mark:g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    return "".join(parts) + f'<text text-anchor="middle" x="{middle}" y="{bottom + 38}">{escape(axis.unit)}</text>'


def _legend(colours: Mapping[str, str]) -> str:
    parts, x = [], float(LEFT)
    for name, colour in colours.items():
        parts.append(
            f'<circle cx="{x + 5:.0f}" cy="62" r="5" fill="{colour}"/><text class="small" x="{x + 15:.0f}" y="66">{escape(name)}</text>'
        )
        x += 34 + 6.4 * len(name)
    return "".join(parts)


def _row(y: float, label: str, row: Mapping[str, float], axis: Axis, colours: Mapping[str, str]) -> str:
    ends = [axis.x(value) for value in row.values()]
    parts = [f'<text text-anchor="end" x="{LEFT - 12}" y="{y + 4:.1f}">{escape(label)}</text>']
    parts.append(f'<line class="grid" x1="{min(ends):.1f}" y1="{y:.1f}" x2="{max(ends):.1f}" y2="{y:.1f}"/>')
    at: dict[int, int] = {}
    for name, value in row.items():
        x = axis.x(value)
        lower = at.get(round(x), 0)  # equal values stand below each other
        at[round(x)] = lower + 1
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y + 9 * lower:.1f}" r="5" fill="{colours[name]}"><title>{escape(name)} {value:g}</title></circle>'
        )
    return "".join(parts)


def _recall() -> str | None:
    kept = _newest("longmemeval-index-keep") or _newest("longmemeval-in-process-keep")  # not two sets of questions
    lines = [line for line in kept if line.get("slice") == "all"]
    if not lines:
        return None
    names = {"any_at_5": "any@5", "all_at_5": "all@5", "all_at_10": "all@10"}
    rows = {line["figure"]: {told: line[name] for name, told in names.items()} for line in lines}
    rows |= {"gate": {"any@5": 97.5, "all@5": 90, "all@10": 96}, "goal": {"any@5": 99, "all@5": 95, "all@10": 98.6}}
    note = f"{lines[0]['questions']} questions, each asked of its own haystack of some 490 turns; sessions ranked by their best turn"
    return dots(
        "LongMemEval_S: evidence sessions found", note, rows, Axis(75, 100, range(75, 101, 5), "% of questions")
    )


def _latency() -> str | None:
    lines = [line for line in _newest("search-peers") if line["figure"] == "search"]
    if not lines:
        return None
    rows = {line["store"]: {share: line[share]["median"] for share in ("p50", "p95")} for line in lines}
    note = f"same PostgreSQL, texts and vectors; medians of {lines[0]['rounds']} rounds in turn; machine {lines[0]['busy']} times full"
    return dots("How long a search takes", note, rows, Axis(2, 500, (2, 5, 10, 20, 50, 100, 200, 500), "ms", log=True))


def _scale() -> str | None:
    lines = [line for line in _newest("scale-tenant") if line["figure"] == "one tenant"]
    if not lines:
        return None
    rows = {
        f"{line['documents']:,} ({line['docs_per_s']}/s)": {"p50": line["p50_ms"], "p95": line["p95_ms"]}
        for line in lines
    }
    note = f"{lines[0]['engine']}; beside the size, documents indexed a second; machine {lines[0]['busy']} times full"
    return dots("One tenant as it grows", note, rows, Axis(5, 5000, (5, 20, 50, 200, 500, 2000, 5000), "ms", log=True))


def _newest(name: str) -> list[Line]:
    """The lines of the largest run of that name."""
    found = sorted(
        RESULTS.glob(f"{name}*.jsonl"), key=lambda path: int("".join(c for c in path.stem if c.isdigit()) or 0)
    )
    return [json.loads(line) for line in found[-1].read_text(encoding="utf-8").splitlines()] if found else []

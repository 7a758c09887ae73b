"""How much memory each process of the running form holds, sampled while something else happens, and a picture of it."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

import contextlib
import statistics
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import psutil

from benchmarks.guard_figure import COLOURS, STYLE
from deploy.on_one_machine.fleet import Fleet

EVERY = 10.0
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 420, 64, 56, 190, 48
Sample = tuple[float, float]
"""Seconds since the beginning, and MB: memory of the process and its children, shared pages shared out among them."""
Samples = dict[str, list[Sample]]


@contextlib.contextmanager
def sampled(fleet: Fleet) -> Iterator[Samples]:
    """Samples by the process's name, growing while it lasts."""
    found: Samples = {}
    ended = threading.Event()
    thread = threading.Thread(target=_sample, args=(fleet, found, ended), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join(EVERY)


def _sample(fleet: Fleet, found: Samples, ended: threading.Event) -> None:
    began = time.monotonic()
    while True:
        for name, process in fleet.processes.items():
            if process.running is not None and (held := _held(process.running.pid)):
                found.setdefault(name, []).append((round(time.monotonic() - began, 1), held))
        if ended.wait(EVERY):
            return


def _held(pid: int) -> float:
    """MB of a process and its children; 0 where it is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return round(sum(_proportional(each.pid) for each in family) / 1024, 1)
    return 0.0


def _proportional(pid: int) -> int:
    """KB, as Linux tells: a page that n processes share counts an n-th for each."""
    with contextlib.suppress(OSError):
        told = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return next(int(line.split()[1]) for line in told.splitlines() if line.startswith("Pss:"))
    return 0


def flatness(samples: Samples, since: float, until: float) -> dict[str, dict[str, Any]]:
    """Of each process, and of all together: MB in the second quarter of the time and in the last, as medians."""
    told = {}
    for name, series in [*samples.items(), ("all", _together(samples))]:
        inside = [held for at, held in series if since <= at < until]
        quarter = len(inside) // 4
        if quarter:
            early, late = statistics.median(inside[quarter : 2 * quarter]), statistics.median(inside[-quarter:])
            told[name] = {"early_mb": round(early, 1), "late_mb": round(late, 1), "most_mb": max(inside)}
    return told


def _together(samples: Samples) -> list[Sample]:
    least = min((len(series) for series in samples.values()), default=0)
    series = [each[:least] for each in samples.values()]
    return [(row[0][0], round(sum(held for _, held in row), 1)) for row in zip(*series, strict=True)]


def picture(samples: Samples, parts: Mapping[str, tuple[float, float]], note: str) -> str:
    """SVG text: a line a process, MB over minutes; the parts of the run named at their beginnings."""
    end = max(at for series in samples.values() for at, _ in series)
    most = 1.1 * max(held for series in samples.values() for _, held in series)
    ordered = sorted(samples, key=lambda name: -samples[name][-1][1])
    lines = "".join(_line(place, name, samples[name], end, most) for place, name in enumerate(ordered))
    marks = "".join(_mark(name, since, end) for name, (since, _) in parts.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(note)}">'
        f"<style>{STYLE}</style><text class='title' x='{LEFT}' y='24'>Memory of each process, MB over minutes</text>"
        f"<text class='small' x='{LEFT}' y='42'>{escape(note)}</text>{_grid(end, most)}{marks}{lines}</svg>\n"
    )


def _x(at: float, end: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * at / end


def _y(held: float, most: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * held / most


def _grid(end: float, most: float) -> str:
    parts = []
    for part in range(5):
        held, at = most * part / 4, end * part / 4
        y, x = _y(held, most), _x(at, end)
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text text-anchor="end" x="{LEFT - 8}" y="{y + 4:.1f}">{held:.0f}</text>')
        parts.append(f'<text text-anchor="middle" x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}">{at / 60:.0f}</text>')
    return "".join(parts)


def _mark(name: str, since: float, end: float) -> str:
    x = _x(since, end)
    return (
        f'<line class="ideal" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}"/>'
        f"<text class='small' x='{x + 3:.1f}' y='{TOP - 2}'>{escape(name)}</text>"
    )


def _line(place: int, name: str, series: Sequence[Sample], end: float, most: float) -> str:
    colour, y = COLOURS[place % len(COLOURS)], TOP + 6 + 17 * place
    path = " ".join(f"{_x(at, end):.1f},{_y(held, most):.1f}" for at, held in series)
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        f'<line x1="{WIDTH - RIGHT + 12}" y1="{y}" x2="{WIDTH - RIGHT + 32}" y2="{y}" stroke="{colour}" stroke-width="3"/>'
        f'<text x="{WIDTH - RIGHT + 38}" y="{y + 4}">{escape(name)} {series[-1][1]:.0f}</text>'
    )

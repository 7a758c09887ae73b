"""The calibration curve as a picture: the share of harmless records held against alpha, readable by day and night."""

# ruff: noqa: E501 - markup reads better unbroken

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 760, 520, 64, 56, 236, 96
LOW, HIGH = 0.0005, 0.1
COLOURS = ("#2f7ed8", "#d9822b", "#2e9e5b", "#c03d8f", "#7b61c4", "#1798a8", "#b8860b", "#d64541", "#5f7d95", "#6b8e23")
STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.grid{stroke:#8884;stroke-width:1}.ideal{stroke:#666;stroke-width:1.5;"
    "stroke-dasharray:5 4}.title{font-size:14px;font-weight:600}.small{font-size:11px}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.ideal{stroke:#aaa}}"
)

Curve = Mapping[str, Mapping[float, Sequence[int]]]


def x_of(alpha: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log(alpha / 0.001) / math.log(100)


def y_of(share: float) -> float:
    part = math.log(max(share, LOW) / LOW) / math.log(HIGH / LOW)
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * min(1.0, part)


def picture(curve: Curve, caption: str) -> str:
    """SVG text. Both axes are logarithmic; a share of zero lies on the lowest line."""
    lines = [
        _grid(),
        f'<line class="ideal" x1="{x_of(0.001):.1f}" y1="{y_of(0.001):.1f}" x2="{x_of(0.1):.1f}" y2="{y_of(0.1):.1f}"/>',
    ]
    lines += [_kind(place, name, curve[name]) for place, name in enumerate(sorted(curve))]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{caption}">'
        f"<style>{STYLE}</style><text class='title' x='{LEFT}' y='24'>Harmless records held, by alpha</text>"
        f"<text class='small' x='{LEFT}' y='42'>dashed: held exactly as often as alpha allows</text>"
        + "".join(lines)
        + "".join(
            f"<text class='small' x='{LEFT - 44}' y='{HEIGHT - 34 + 15 * row}'>{part}</text>"
            for row, part in enumerate(_wrapped(caption))
        )
        + "</svg>\n"
    )


def _wrapped(text: str, width: int = 118) -> list[str]:
    rows = [""]
    for word in text.split():
        rows = [*rows, word] if len(rows[-1]) + len(word) >= width else [*rows[:-1], f"{rows[-1]} {word}".strip()]
    return rows


def _grid() -> str:
    parts = []
    for alpha in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1):
        x = x_of(alpha)
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{HEIGHT - BOTTOM}"/>')
        parts.append(f'<text text-anchor="middle" x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}">{alpha:.1%}</text>')
    for share in (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1):
        y = y_of(share)
        label = "0" if share == LOW else f"{share:.1%}"
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text text-anchor="end" x="{LEFT - 8}" y="{y + 4:.1f}">{label}</text>')
    parts.append(f'<text text-anchor="middle" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - BOTTOM + 36}">alpha</text>')
    return "".join(parts)


def _kind(place: int, name: str, points: Mapping[float, Sequence[int]]) -> str:
    colour, dash = COLOURS[place % len(COLOURS)], "" if place < len(COLOURS) else ' stroke-dasharray="2 3"'
    shares = [(alpha, hits / total) for alpha, (hits, total) in sorted(points.items()) if total]
    path = " ".join(f"{x_of(alpha):.1f},{y_of(share):.1f}" for alpha, share in shares)
    y = TOP + 6 + 17 * place
    return (
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        f'<line x1="{WIDTH - RIGHT + 16}" y1="{y}" x2="{WIDTH - RIGHT + 38}" y2="{y}" stroke="{colour}" stroke-width="3"{dash}/>'
        f'<text class="small" x="{WIDTH - RIGHT + 44}" y="{y + 4}">{name} ({next(iter(points.values()))[1]})</text>'
    )


def write(curve: Curve, caption: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(picture(curve, caption), encoding="utf-8")

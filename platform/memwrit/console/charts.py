"""Charts as inline SVG: pure functions from numbers to a drawing, its description and the table of its numbers.

Nothing in them is coloured by attribute: classes of the style sheet are, so they follow light and dark. A drawing says
in words what it shows, and the same numbers stand in a table beside it for whoever cannot see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 960, 240
LEFT, RIGHT, BOTTOM, TOP = 44, 24, 24, 10
BARS, ROW, LABEL = 440, 26, 130
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Series:
    """One kind of thing that is counted: its name, a number for each column, and the class of its colour."""

    name: str
    values: Sequence[float]
    tone: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a bar chart; `href` is where its list is."""

    label: str
    value: float
    tone: str = "s1"
    href: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing and what it is made of. `legend`: (class, name) of each series."""

    title: str
    desc: str
    svg: SafeString
    head: Sequence[str]
    rows: Sequence[Sequence[str | SafeString]]
    legend: Sequence[tuple[str, str]] = ()

    @property
    def empty(self) -> bool:
        return not self.rows


def columns(title: str, desc: str, labels: Sequence[str], series: Sequence[Series]) -> Chart:
    """Stacked columns, one a label: how much of each kind, over time."""
    totals = [sum(each.values[place] for each in series) for place in range(len(labels))]
    top = ceiling(max(totals, default=0))
    width = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    drawn = (_column(place, width, series, top) for place in range(len(labels)))
    marks = _axis(top), _days(labels, width), format_html_join("", "{}", ((each,) for each in drawn))
    rows = [[label, *(_plain(each.values[place]) for each in series)] for place, label in enumerate(labels)]
    legend = [(each.tone, each.name) for each in series]
    return Chart(title, desc, _svg(title, desc, HEIGHT, marks), ["Day", *(name for _, name in legend)], rows, legend)


def bars(title: str, desc: str, head: tuple[str, str], lines: Sequence[Bar]) -> Chart:
    """Horizontal bars, one a line: how much of each thing."""
    top = max((each.value for each in lines), default=0) or 1
    drawn = (_bar(place, each, top) for place, each in enumerate(lines))
    marks = [format_html_join("", "{}", ((each,) for each in drawn))]
    svg = _svg(title, desc, max(1, len(lines)) * ROW + TOP, marks, width=BARS)
    rows = [[_linked(each), _plain(each.value)] for each in lines]
    return Chart(title, desc, svg, head, rows)


def ceiling(most: float) -> float:
    """The smallest round number (1, 2 or 5 times a power of ten) that is at least `most`, and at least 1."""
    step = 1.0
    while True:
        for factor in (1, 2, 5):
            if factor * step >= most:
                return factor * step
        step *= 10


def progress(title: str, share: float, tone: str) -> SafeString:
    """A bar that says how much of a span is over; `share` may be beyond 1."""
    filled = round(min(1.0, max(0.0, share)) * 200, 1)
    desc = f"{round(share * 100)} % of the time is over."
    track = '<rect class="track" x="0" y="2" width="200" height="12" rx="3"/>'
    drawn = format_html(track + '<rect class="{}" x="0" y="2" width="{}" height="12" rx="3"/>', tone, filled)
    return _svg(title, desc, 16, [drawn], width=200)


def _column(place: int, width: float, series: Sequence[Series], top: float) -> SafeString:
    x, below = LEFT + place * width + width * 0.1, float(HEIGHT - BOTTOM)
    drawn = []
    for each in series:
        height = each.values[place] / top * (HEIGHT - BOTTOM - TOP)
        below -= height
        if height:
            told = (each.tone, fixed(x), fixed(below), fixed(width * 0.8), fixed(height))
            drawn.append(format_html('<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>', *told))
    return format_html_join("", "{}", ((each,) for each in drawn))


def _axis(top: float) -> SafeString:
    lines = []
    for share in (0.0, 0.5, 1.0):
        y = HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
        drawn = (
            '<line class="gridline" x1="{}" x2="{}" y1="{}" y2="{}"/><text x="{}" y="{}" text-anchor="end">{}</text>'
        )
        lines.append(
            format_html(drawn, LEFT, WIDTH - RIGHT, fixed(y), fixed(y), LEFT - 6, fixed(y + 4), _plain(top * share))
        )
    return format_html_join("", "{}", ((each,) for each in lines))


def _days(labels: Sequence[str], width: float) -> SafeString:
    """The first, the middle and the last label: more would not be read."""
    places = sorted({0, len(labels) // 2, len(labels) - 1}) if labels else []
    told = ((fixed(LEFT + (place + 0.5) * width), HEIGHT - 6, labels[place]) for place in places)
    return format_html_join("", '<text x="{}" y="{}" text-anchor="middle">{}</text>', told)


def _bar(place: int, line: Bar, top: float) -> SafeString:
    y, width = TOP + place * ROW, line.value / top * (BARS - LABEL - 60)
    return format_html(
        '<text x="{}" y="{}" text-anchor="end">{}</text><rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="2"/>'
        '<text x="{}" y="{}">{}</text>',
        *(LABEL - 8, y + 14, line.label, line.tone, LABEL, y, fixed(max(width, 1.0 if line.value else 0.0)), ROW - 8),
        *(fixed(LABEL + width + 6), y + 14, _plain(line.value)),
    )


def _svg(title: str, desc: str, height: float, marks: Iterable[SafeString], width: int = WIDTH) -> SafeString:
    number = next(_numbers)
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-labelledby="chart-{}-t chart-{}-d">'
        '<title id="chart-{}-t">{}</title><desc id="chart-{}-d">{}</desc>{}</svg>',
        *(width, fixed(height), number, number, number, title, number, desc),
        format_html_join("", "{}", ((each,) for each in marks)),
    )


def _linked(line: Bar) -> str | SafeString:
    return format_html('<a href="{}">{}</a>', line.href, line.label) if line.href else line.label


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def fixed(value: float) -> str:
    """A coordinate: one decimal at most."""
    return f"{value:.1f}".removesuffix(".0")

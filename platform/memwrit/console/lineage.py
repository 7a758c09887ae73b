"""The lineage of a record as a drawing: what it was derived from to the left, what was derived from it to the right."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from memwrit.console.charts import fixed

Place = tuple[UUID, int]
Edge = tuple[Place, Place]
"""(child, parent)."""
BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 128, 36, 56, 16, 8


@dataclass(frozen=True, slots=True)
class Drawn:
    """A drawing, and how many versions stand in it on either side."""

    svg: SafeString
    parents: int
    children: int


def layers(root: Place, edges: Iterable[Edge]) -> dict[Place, int]:
    """How far each version stands from the record: below 0 what it comes from, above 0 what comes from it.

    A version stands beyond all that lie between, so lines run from left to right. What is reached neither upwards nor
    downwards alone (a sibling's other parent) stands beside the version it hangs on.
    """
    edges = list(edges)
    own = dict.fromkeys([place for place in {root, *(end for edge in edges for end in edge)} if place[0] == root[0]], 0)
    depth = own | _reached(own, [(child, parent) for child, parent in edges], -1)
    depth |= {place: far for place, far in _reached(own, [(p, c) for c, p in edges], 1).items() if place not in depth}
    for child, parent in edges:
        depth.setdefault(parent, depth.get(child, 1) - 1)
        depth.setdefault(child, depth[parent] + 1)
    return depth


def _reached(own: Mapping[Place, int], steps: Sequence[Edge], sign: int) -> dict[Place, int]:
    """The longest way to each version that is reached by `steps` (from, to), told with `sign`. A lineage that comes
    back to itself ends where every version has been passed once."""
    found = dict.fromkeys(own, 0)
    for _ in range(len({end for step in steps for end in step})):
        further: dict[Place, int] = {}
        for at, to in steps:
            if at in found and to not in own and found[at] >= max(found.get(to, 0), further.get(to, 0)):
                further[to] = found[at] + 1
        if not further:
            break
        found |= further
    return {place: far * sign for place, far in found.items() if place not in own}


def draw(root: Place, nodes: Iterable[Place], edges: Iterable[Edge], hrefs: Mapping[UUID, str]) -> Drawn:
    """Boxes by layer, lines from each child to its parents. A box is a link to its record."""
    edges = sorted(edges)
    depth = {place: 0 for place in nodes if place[0] == root[0]} | layers(root, edges)
    spots, width, height = _spots(depth)
    lines = [_line(spots[parent], spots[child]) for child, parent in edges]
    boxes = [_box(place, spots[place], hrefs.get(place[0], ""), place[0] == root[0]) for place in sorted(spots)]
    parents, children = sum(each < 0 for each in depth.values()), sum(each > 0 for each in depth.values())
    desc = f"Derived from {parents} versions of other records; {children} versions were derived from it."
    svg = format_html(
        '<svg class="lineage" viewBox="0 0 {} {}" width="{}" height="{}" role="group" aria-label="Lineage. {}">'
        "<desc>{}</desc>{}{}</svg>",
        *(width, height, width, height, desc, desc),
        format_html_join("", "{}", ((each,) for each in lines)),
        format_html_join("", "{}", ((each,) for each in boxes)),
    )
    return Drawn(svg, parents, children)


def _spots(depth: Mapping[Place, int]) -> tuple[dict[Place, tuple[int, int]], int, int]:
    """The upper left corner of each box, and the size of the whole."""
    by_layer: dict[int, list[Place]] = defaultdict(list)
    for place in sorted(depth):
        by_layer[depth[place]].append(place)
    first, tallest = min(by_layer), max(map(len, by_layer.values()))
    spots: dict[Place, tuple[int, int]] = {}
    for layer, places in by_layer.items():
        x = MARGIN + (layer - first) * (BOX_WIDTH + GAP_X)
        offset = (tallest - len(places)) * (BOX_HEIGHT + GAP_Y) // 2
        spots |= {each: (x, MARGIN + offset + row * (BOX_HEIGHT + GAP_Y)) for row, each in enumerate(places)}
    width = MARGIN * 2 + len(range(first, max(by_layer) + 1)) * (BOX_WIDTH + GAP_X) - GAP_X
    return spots, width, MARGIN * 2 + tallest * (BOX_HEIGHT + GAP_Y) - GAP_Y


def _line(parent: tuple[int, int], child: tuple[int, int]) -> SafeString:
    x1, y1 = parent[0] + BOX_WIDTH, parent[1] + BOX_HEIGHT / 2
    x2, y2 = child[0], child[1] + BOX_HEIGHT / 2
    bend = (x1 + x2) / 2
    told = (fixed(x1), fixed(y1), fixed(bend), fixed(y1), fixed(bend), fixed(y2), fixed(x2), fixed(y2))
    return format_html('<path class="edge" d="M{} {} C{} {} {} {} {} {}"/>', *told)


def _box(place: Place, spot: tuple[int, int], href: str, own: bool) -> SafeString:
    (x, y), name = spot, f"…{str(place[0])[-8:]} v{place[1]}"
    drawn = format_html(
        '<rect class="box{}" x="{}" y="{}" width="{}" height="{}" rx="4"/>'
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        *(" own" if own else "", x, y, BOX_WIDTH, BOX_HEIGHT, x + BOX_WIDTH // 2, y + 22, name),
    )
    return drawn if own or not href else format_html('<a href="{}" aria-label="Record {}">{}</a>', href, name, drawn)

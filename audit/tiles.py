"""Tiles (c2sp.org/tlog-tiles): a log's hashes in runs of up to 256, height 8, so that a proof reads a handful of rows.

Tile (level, number) holds the hashes of the complete subtrees of height 8 * level with indices number * 256 and on. The
rightmost tile of a level is partial, and a hash enters the level above only when its tile below is full.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from audit import merkle

HEIGHT = 8
WIDTH = 1 << HEIGHT
ENTRIES = -1
"""The level that stands for entry bundles in a tile's path."""

_PATH = re.compile(r"(?P<level>entries|0|[1-9]\d?)/(?P<number>(?:x\d{3}/)*\d{3})(?:\.p/(?P<width>[1-9]\d{0,2}))?")

Fetch = Callable[[int, int], bytes]
"""(level, number) -> the tile's hashes, one after another."""


class TileError(ValueError):
    """No such tile, or not a tile's path."""


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """A tile's coordinates; `level` is `ENTRIES` for an entry bundle; `width` 1-256."""

    level: int
    number: int
    width: int = WIDTH

    def path(self) -> str:
        """Such as `0/x001/x234/067.p/5`."""
        parts = [f"{self.number % 1000:03}"]
        rest = self.number // 1000
        while rest:
            parts.insert(0, f"x{rest % 1000:03}")
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        return f"{level}/{'/'.join(parts)}" + (f".p/{self.width}" if self.width < WIDTH else "")

    @classmethod
    def parse(cls, path: str) -> Tile:
        """Raises `TileError` for anything but the one path of a tile."""
        match = _PATH.fullmatch(path)
        if match is None:
            raise TileError("not a tile's path")
        level = ENTRIES if match["level"] == "entries" else int(match["level"])
        tile = cls(level, int(match["number"].replace("x", "").replace("/", "")), int(match["width"] or WIDTH))
        if tile.path() != path or level > 63:
            raise TileError("not a tile's path")
        return tile


def width_at(level: int, number: int, size: int) -> int:
    """How many hashes tile (level, number) has in a tree of `size` leaves: 0 where it does not exist."""
    return max(0, min(WIDTH, (size >> HEIGHT * max(level, 0)) - number * WIDTH))


def partial_tiles(size: int) -> list[tuple[int, int]]:
    """(level, number) of the tiles at the right edge of a tree of `size` leaves that are not full."""
    levels = range((size.bit_length() + HEIGHT - 1) // HEIGHT)
    return [(level, (size >> HEIGHT * level) // WIDTH) for level in levels if (size >> HEIGHT * level) % WIDTH]


def tiles_of(size: int) -> Iterator[Tile]:
    """Every hash tile of a tree of `size` leaves, partial ones with their width."""
    level = 0
    while hashes := size >> HEIGHT * level:
        for number in range(-(-hashes // WIDTH)):
            yield Tile(level, number, width_at(level, number, size))
        level += 1


def nodes(fetch: Fetch) -> merkle.Nodes:
    """Hashes of complete subtrees, read from tiles; each tile is fetched once."""
    cache: dict[tuple[int, int], bytes] = {}

    def node(level: int, index: int) -> bytes:
        tile_level, height = divmod(level, HEIGHT)
        first = index << height
        place = tile_level, first // WIDTH
        if place not in cache:
            cache[place] = fetch(*place)
        return _complete(_slice(cache[place], first % WIDTH, 1 << height))

    return node


def _slice(tile: bytes, first: int, count: int) -> list[bytes]:
    hashes = split(tile)[first : first + count]
    if len(hashes) != count:
        raise TileError("the tile is too short")
    return hashes


def _complete(hashes: Sequence[bytes]) -> bytes:
    while len(hashes) > 1:
        hashes = [merkle.node_hash(hashes[i], hashes[i + 1]) for i in range(0, len(hashes), 2)]
    return hashes[0]


def split(tile: bytes) -> list[bytes]:
    """A tile's hashes."""
    if len(tile) % merkle.HASH_SIZE or len(tile) > WIDTH * merkle.HASH_SIZE:
        raise TileError("a tile of odd length")
    return [tile[i : i + merkle.HASH_SIZE] for i in range(0, len(tile), merkle.HASH_SIZE)]


class Edge:
    """The right edge of a tree: the partial tile of each level, from which a tree grows and its root is hashed anew."""

    def __init__(self, size: int, partials: dict[int, bytes]) -> None:
        """`partials`: level -> the hashes of its partial tile; a level whose last tile is full is not there."""
        self.size = size
        self.partials = {level: split(tile) for level, tile in partials.items() if tile}
        self.changed: dict[tuple[int, int], list[bytes]] = {}
        for level in range((max(size, 1).bit_length() + HEIGHT - 1) // HEIGHT):
            if len(self.partials.get(level, [])) != (size >> HEIGHT * level) % WIDTH:
                raise TileError("the partial tile does not fit the size")

    def append(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes; `changed` then holds every tile that is new or grew."""
        for leaf in leaves:
            self._put(0, leaf)
            self.size += 1

    def _put(self, level: int, value: bytes) -> None:
        number = (self.size >> HEIGHT * level) // WIDTH
        tile = self.partials.setdefault(level, [])
        tile.append(value)
        self.changed[level, number] = tile
        if len(tile) == WIDTH:
            del self.partials[level]
            self._put(level + 1, _complete(tile))

    def root(self) -> bytes:
        """The tree's root, hashed from the tiles as they stand."""
        return merkle.frontier_root(self.frontier())

    def frontier(self) -> list[bytes]:
        """The complete subtrees, largest first."""
        return merkle.frontier_of(self.size, self._node)

    def _node(self, level: int, index: int) -> bytes:
        tile_level, height = divmod(level, HEIGHT)
        hashes = self.partials.get(tile_level, [])
        first = (index << height) % WIDTH
        return _complete(hashes[first : first + (1 << height)])


def entry_bundle(entries: Sequence[bytes]) -> bytes:
    """Entries, each after its length in two bytes, big-endian."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def open_bundle(bundle: bytes) -> list[bytes]:
    """The entries of a bundle; `TileError` where it is cut short."""
    entries, at = [], 0
    while at < len(bundle):
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        if at + 2 > len(bundle) or end > len(bundle):
            raise TileError("the entry bundle is cut short")
        entries.append(bundle[at + 2 : end])
        at = end
    return entries

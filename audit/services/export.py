"""Write a tenant's whole published log into a folder that `memwrit verify full` reads, in tlog-tiles layout."""

from __future__ import annotations

from pathlib import Path

from audit import selectors, tiles
from foundation.kernel.scope import tenant_transaction


def export(folder: Path) -> int:
    """Export the log of the tenant in scope; returns how many entries it has. Raises `NotSequenced` for an empty log.

    Tiles never change but by growing, so what is published when this begins is exported whole while the log grows on.
    """
    with tenant_transaction():
        pin = selectors.published(fresh=True)
        for tile in [*tiles.tiles_of(pin.size), *_bundles(pin.size)]:
            _write(folder / "tile" / tile.path(), selectors.tile(tile))
    _write(folder / "checkpoint", pin.note.encode())
    return pin.size


def _bundles(size: int) -> list[tiles.Tile]:
    count = -(-size // tiles.WIDTH)
    return [tiles.Tile(tiles.ENTRIES, number, tiles.width_at(tiles.ENTRIES, number, size)) for number in range(count)]


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)

"""Tiles, against the specification's own numbers and the plain tree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import merkle
from audit.tiles import ENTRIES, Edge, Tile, TileError, entry_bundle, nodes, open_bundle, tiles_of, width_at


def leaves(count):
    return [merkle.leaf_hash(b"%d" % number) for number in range(count)]


def grown(count, step):
    """Tiles of a log that grew by `step`s, each time from nothing but the stored partial tiles, and its root."""
    stored, size, root = {}, 0, merkle.EMPTY_ROOT
    hashes = leaves(count)
    while size < count:
        partial = {}
        for level in range(4):
            tile = stored.get((level, (size >> 8 * level) // 256), b"")
            if (size >> 8 * level) % 256:
                partial[level] = tile
        edge = Edge(size, partial)
        assert edge.root() == root
        edge.append(hashes[size : size + step])
        stored |= {place: b"".join(tile) for place, tile in edge.changed.items()}
        size, root = edge.size, edge.root()
    return stored, root


@pytest.mark.parametrize(("count", "step"), [(1, 1), (255, 50), (256, 256), (257, 1), (700, 300), (66_000, 9_999)])
def test_a_log_grown_by_its_edge_is_the_plain_tree(count, step):
    stored, root = grown(count, step)
    assert root == merkle.root(leaves(count))
    node = nodes(lambda level, number: stored[level, number])
    for index in {0, count // 2, count - 1}:
        path = merkle.inclusion_path(index, count, node)
        merkle.verify_inclusion(leaves(count)[index], index, count, path, root)
    expected = {(tile.level, tile.number): tile.width for tile in tiles_of(count)}
    assert {place: len(tile) // 32 for place, tile in stored.items()} == expected


def test_the_specifications_example_of_70000_leaves():
    tiles = list(tiles_of(70_000))
    by_level = {level: [tile for tile in tiles if tile.level == level] for level in range(3)}
    assert [len(found) for found in by_level.values()] == [274, 2, 1]
    assert [found[-1].width for found in by_level.values()] == [112, 17, 1]
    assert [tile.width for tile in tiles_of(256)] == [256, 1]
    assert width_at(ENTRIES, 273, 70_000) == 112
    assert width_at(0, 274, 70_000) == 0


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "0/x001/x234/067"),
        (Tile(0, 0, 5), "0/000.p/5"),
        (Tile(63, 999), "63/999"),
        (Tile(ENTRIES, 1000, 255), "entries/x001/000.p/255"),
    ],
)
def test_paths_are_the_specifications(tile, path):
    assert tile.path() == path
    assert Tile.parse(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "0/0",
        "0/x000/001",
        "64/000",
        "00/000",
        "0/000.p/0",
        "0/000.p/256",
        "0/000.p/05",
        "-1/000",
        "0/000/",
        "x/000",
        "0/\u0660\u0660\u0660",
    ],
)
def test_other_spellings_of_a_path_are_refused(path):
    with pytest.raises(TileError):
        Tile.parse(path)


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_entry_bundles_survive(entries):
    assert open_bundle(entry_bundle(entries)) == entries


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=5))
def test_a_bundle_cut_short_is_refused(entries):
    with pytest.raises(TileError):
        open_bundle(entry_bundle(entries)[:-1])


def test_an_edge_that_does_not_fit_its_size_is_refused():
    with pytest.raises(TileError):
        Edge(3, {0: bytes(64)})

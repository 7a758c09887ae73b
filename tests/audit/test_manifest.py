"""The manifest tree: what it shows, what it refuses."""

import random
from uuid import UUID

import pytest

from audit import manifest
from audit.event import Change
from audit.manifest import BUCKET, EMPTY, GROUP, TOP, Manifest, ManifestError, of_changes

STEP = 1 << 80


def memory(number: int) -> UUID:
    """Ids that grow with time, as UUIDv7 does."""
    return UUID(int=(1_795_000_000_000 + number) * STEP + 7)


def element(number: int) -> bytes:
    return number.to_bytes(16, "big")


class Store:
    """Node rows as a database would keep them."""

    def __init__(self):
        self.rows, self.root, self.fetched = {}, EMPTY, []

    def fetch(self, places):
        self.fetched += places
        return {place: self.rows[place] for place in places if place in self.rows}

    def apply(self, changes):
        manifest = Manifest(self.root, self.fetch)
        manifest.apply(changes)
        self.root = manifest.root()
        self.rows |= {place: manifest.body(place) for place in manifest.changed}

    def elements(self, ids):
        return Manifest(self.root, self.fetch).elements(ids)


@pytest.fixture(scope="module")
def store():
    store = Store()
    for start in range(0, 70_000, 7_000):
        store.apply([Change(memory(n), None, element(n + 1)) for n in range(start, start + 7_000)])
    return store


def test_elements_are_found_wherever_they_stand(store):
    picks = random.Random(1).sample(range(70_000), 50)
    assert store.elements(map(memory, picks)) == {memory(n): element(n + 1) for n in picks}


def test_what_was_just_written_above_the_buckets_is_not_read_again():
    store = Store()
    manifest._inner.clear()
    store.apply([Change(memory(n), None, element(n + 1)) for n in range(200)])
    for n in range(200, 300):
        store.fetched = []
        store.apply([Change(memory(n), None, element(n + 1))])
        assert {level for level, _ in store.fetched} <= {BUCKET}
    manifest._inner.clear()
    store.apply([Change(memory(300), None, element(301))])
    assert {level for level, _ in store.fetched} == {BUCKET, GROUP, TOP}, "the control"


def test_ten_ids_read_a_handful_of_nodes(store):
    store.fetched = []
    manifest._inner.clear()
    store.elements([memory(n) for n in range(0, 70_000, 7_000)])
    assert len(store.fetched) <= 1 + 2 + 10
    assert {level for level, _ in store.fetched} == {BUCKET, GROUP, TOP}


def test_an_id_that_never_was_has_no_element(store):
    between = UUID(int=memory(500).int + 1)
    assert store.elements([between, memory(99_999)]) == {between: None, memory(99_999): None}


def test_batches_and_one_pass_come_to_the_same_root(store):
    assert of_changes([Change(memory(n), None, element(n + 1)) for n in range(70_000)]).root() == store.root


def test_a_change_changes_the_element_and_the_root(store):
    before = store.root
    store.apply([Change(memory(7), element(8), element(9)), Change(memory(7), element(9), element(10))])
    assert store.root != before
    assert store.elements([memory(7)]) == {memory(7): element(10)}
    store.apply([Change(memory(7), element(10), element(8))])
    assert store.root == before


@pytest.mark.parametrize("old", [None, element(1)])
def test_a_delta_that_does_not_start_from_what_stands_is_refused(store, old):
    with pytest.raises(ManifestError):
        store.apply([Change(memory(9), old, element(77))])


def test_an_erased_memory_is_gone_and_does_not_return(store):
    store.apply([Change(memory(11), element(12), None)])
    assert store.elements([memory(11)]) == {memory(11): None}
    with pytest.raises(ManifestError):
        store.apply([Change(memory(11), None, element(12))])


@pytest.mark.parametrize("place", [(TOP, 0), (GROUP, 0), (GROUP, 1), (BUCKET, 0), (BUCKET, 3)])
def test_any_flipped_byte_or_missing_node_is_refused(store, place):
    genuine = store.rows[place]
    ids = [memory(5), memory(3 * 256 + 5), memory(69_999)]
    store.elements(ids)
    for at in (0, len(genuine) // 2, len(genuine) - 1):
        store.rows[place] = genuine[:at] + bytes([genuine[at] ^ 1]) + genuine[at + 1 :]
        manifest._inner.clear()  # a process that remembers the genuine node goes on with it
        with pytest.raises(ManifestError):
            store.elements(ids)
    del store.rows[place]
    manifest._inner.clear()
    with pytest.raises(ManifestError):
        store.elements(ids)
    store.rows[place] = genuine


def test_an_older_genuine_node_is_refused(store):
    old = dict(store.rows)
    store.apply([Change(memory(20), element(21), element(99))])
    store.rows[BUCKET, 0] = old[BUCKET, 0]
    with pytest.raises(ManifestError):
        store.elements([memory(20)])

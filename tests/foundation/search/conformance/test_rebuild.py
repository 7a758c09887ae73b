"""Rebuilding, on every engine: what is asked stays whole until the new content counts."""

import pytest

from foundation.kernel.scope import tenant_transaction
from foundation.search import generations
from foundation.search.engine import engine
from foundation.search.port import Collection, Expected, Key, StaleGeneration
from tests.foundation.search.builders import EMBEDDER, document, found, generation, plan, put, remove, settle


def rebuild(*documents, into=None):
    with tenant_transaction():
        return engine().rebuild(into or generation(), iter(documents))


def test_a_rebuild_replaces_what_stood(tenant):
    kept, orphan = document("seat"), document("seat")
    put(kept, orphan)
    assert rebuild(kept) == 1
    assert found(plan("seat")) == {(kept.id, 1)}
    with tenant_transaction():
        assert engine().holding([kept.id, orphan.id]) == {kept.id}
        assert engine().statistics(plan("seat")).documents == 1
        expected = [Expected(kept.id, 1, 1, superseded=False)]
        assert engine().parity(generation(), Collection.MEMORY, expected).holds


def test_a_rebuild_brings_back_what_a_tombstone_kept_out(tenant):
    one = document("seat")
    put(one)
    remove(Key(Collection.MEMORY, one.id, 1, rev=1))
    assert found(plan("seat")) == set()
    rebuild(one)
    assert found(plan("seat")) == {(one.id, 1)}, "the records of truth say so"


def test_a_rebuild_that_fails_leaves_what_stood(tenant):
    one, other = document("seat"), document("seat")
    put(one)

    def failing():
        yield other
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), tenant_transaction():
        engine().rebuild(generation(), failing())
    assert found(plan("seat")) == {(one.id, 1)}
    engine().scrub()
    with tenant_transaction():
        assert engine().holding([one.id, other.id]) == {one.id}
    assert found(plan("seat")) == {(one.id, 1)}


def test_a_removal_noted_before_a_rebuild_ended_counts_after_it(tenant):
    one = document("seat")
    put(one)
    with tenant_transaction():
        engine().rebuild(generation(), iter([one]))
        engine().remove([Key(Collection.MEMORY, one.id, 1, rev=1)])
    settle()
    assert found(plan("seat")) == set()


def test_a_new_generation_is_filled_beside_the_old_one(tenant):
    old = generation()
    one = document("seat")
    put(one)
    new = generations.begin(EMBEDDER.name, EMBEDDER.dim)
    twin = document("seat", id=one.id, generation=new.number)
    assert rebuild(twin, into=new) == 1
    assert found(plan("seat")) == {(one.id, 1)}
    assert found(plan("seat", generation=new.number)) == {(one.id, 1)}
    generations.activate(new)
    with pytest.raises(StaleGeneration):
        rebuild(one, into=old)
    assert found(plan("seat")) == {(one.id, 1)}


def test_a_rebuild_of_one_tenant_leaves_its_neighbours_alone(tenant, other_tenant):
    from foundation.kernel.scope import tenant_scope

    one = document("seat")
    put(one)
    with tenant_scope(other_tenant):
        theirs = document("seat")
        put(theirs)
        rebuild(theirs)
        with tenant_transaction():
            engine().purge()
    assert found(plan("seat")) == {(one.id, 1)}

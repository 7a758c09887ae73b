"""What only the engine inside PostgreSQL has: its rows. What it finds is the conformance suite's to say."""

import threading
from uuid import UUID, uuid4

import pytest
from django.db import connections

from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.search import generations, models
from foundation.search.engine import engine
from foundation.search.port import Collection, Key
from tests.foundation.search.builders import document, found, generation, plan, put, remove


def test_a_tombstone_keeps_neither_terms_nor_vector(tenant):
    one = document("seat", labels=frozenset({"x"}), subjects=frozenset({b"s" * 16}), group=b"g" * 16)
    put(one)
    remove(Key(Collection.MEMORY, one.id, 1, rev=1))
    with tenant_transaction():
        row = models.Entry.objects.get(record_id=one.id)
    assert (row.lex, row.vec, row.session, row.labels, list(row.subjects)) == (None, None, None, [], [])
    assert row.space_id == UUID(int=0)


def test_a_purge_leaves_no_row(tenant):
    put(document("seat"))
    with tenant_transaction():
        engine().purge()
        assert [model.objects.count() for model in (models.Entry, models.Scope, models.Counter)] == [0, 0, 0]


def test_whoever_waited_for_the_index_sees_the_beacon_that_was_lit_meanwhile(tenant):
    put(document("seat"))
    one, done = document("seat"), []

    def write():
        with tenant_scope(tenant):
            done.append(put(one))
        connections.close_all()

    with tenant_transaction():
        [row] = generations.lock().values()
        waits = threading.Thread(target=write)
        waits.start()
        waits.join(0.3)
        generations.mark_whole(row)
        assert done == []
    waits.join(30)
    assert done == [1]


def test_nothing_is_put_into_an_index_that_lost_its_content(tenant, superuser):
    generation()
    one = document("seat")
    superuser.execute("TRUNCATE search_beacon")
    with pytest.raises(Unavailable):
        put(one)


def test_roles_of_any_letters_bound_what_is_counted(tenant):
    role = 'a "b", {c}\\d'
    put(document("seat", labels=frozenset({f"acl:{role}"})), document("seat", id=uuid4()))
    with tenant_transaction():
        assert sorted(scope.acl for scope in models.Scope.objects.all()) == [[], [role]]
        assert engine().statistics(plan("seat", roles=frozenset({role}))).documents == 2
    assert len(found(plan("seat", roles=frozenset({role})))) == 2
    assert len(found(plan("seat"))) == 1

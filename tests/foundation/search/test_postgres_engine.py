"""What only the engine inside PostgreSQL has: its rows. What it finds is the conformance suite's to say."""

from uuid import UUID

from foundation.kernel.scope import tenant_transaction
from foundation.search import models
from foundation.search.engine import engine
from foundation.search.port import Collection, Key
from tests.foundation.search.builders import document, put, remove


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

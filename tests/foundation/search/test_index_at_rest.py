"""What the tables are: isolated, UNLOGGED, without a readable word, and known to be lost after a crash."""

from uuid import UUID, uuid4

import psycopg
import pytest
from django.db import connection

from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.search import models
from foundation.search.engine import engine
from tests.foundation.search.builders import SPACE, document, found, generation, plan, put

UNLOGGED = {"search_beacon", "search_entry", "search_scope", "search_counter"}
TABLES = UNLOGGED | {"search_generation"}


def rows_of(tenant_id, table):
    """Every row PostgreSQL shows to `tenant_id`, with no filter of ours."""
    with tenant_scope(tenant_id), tenant_transaction(), connection.cursor() as cursor:
        cursor.execute(f"SELECT tenant_id FROM {table}")
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize("table", sorted(TABLES))
def test_without_any_filter_postgresql_still_shows_no_foreign_row(tenant, other_tenant, table):
    put(document("seat"))
    with tenant_scope(other_tenant):
        put(document("seat"))
    assert set(rows_of(tenant, table)) == {tenant}
    assert set(rows_of(other_tenant, table)) == {other_tenant}


def test_a_row_cannot_be_written_for_another_tenant(tenant, other_tenant):
    from django.db.utils import ProgrammingError

    with pytest.raises(ProgrammingError), tenant_transaction(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO search_beacon (id, tenant_id) VALUES (%s, %s)", [uuid4(), other_tenant])


def test_a_document_of_another_tenant_is_refused(tenant, other_tenant):
    from django.db.utils import ProgrammingError

    with pytest.raises(ProgrammingError):
        put(document("seat", tenant_id=other_tenant))


def test_the_content_is_unlogged_and_the_generations_are_not(superuser):
    kinds = dict(
        superuser.execute(
            "SELECT relname, relpersistence FROM pg_class WHERE relname LIKE 'search%' AND relkind = 'r'"
        ).fetchall()
    )
    assert {table for table, kind in kinds.items() if kind == "u"} == UNLOGGED
    assert {table for table, kind in kinds.items() if kind == "p"} == {"search_generation", "search_swap"}


def test_no_readable_word_lies_in_the_tables(tenant, superuser):
    put(document("Zanzibarian seat", kind="semantic", labels=frozenset({"plantedlabel"})))
    dumped = "".join(
        str(row) for table in TABLES for row in superuser.execute(f"SELECT t::text FROM {table} t").fetchall()
    ).lower()
    assert "zanzibar" not in dumped
    assert "seat" not in dumped
    assert "plantedlabel" in dumped, "the control: what is stored in the clear would be seen"


def lose_content(superuser):
    """What PostgreSQL does to UNLOGGED tables when it recovers from a crash: all of them, of every tenant."""
    superuser.execute(f"TRUNCATE {', '.join(UNLOGGED)}")


def test_after_a_crash_search_is_unavailable_until_rebuilt_and_then_whole(tenant, superuser):
    documents = [document("aisle seat"), document("window seat")]
    put(*documents)
    before = found(plan("seat"))
    lose_content(superuser)
    with tenant_transaction():
        assert not engine().ready(generation())
    with pytest.raises(Unavailable) as refused:
        found(plan("seat"))
    assert refused.value.retry_after
    with pytest.raises(Unavailable):
        put(document("dog"))
    with tenant_transaction():
        assert engine().rebuild(generation(), iter(documents)) == 2
        assert engine().ready(generation())
        assert engine().statistics(plan("seat")).documents == 2
    assert found(plan("seat")) == before


def test_a_rebuild_that_fails_leaves_the_index_lost(tenant, superuser):
    put(document("seat"))
    lose_content(superuser)

    def failing():
        yield document("seat")
        raise RuntimeError("the records cannot be read")

    with pytest.raises(RuntimeError), tenant_transaction():
        engine().rebuild(generation(), failing())
    with pytest.raises(Unavailable):
        found(plan("seat"))


def test_a_tenant_without_an_index_has_one_ready_at_first_use(tenant):
    with tenant_transaction():
        assert models.Generation.objects.count() == 0
    assert generation() == generation()
    assert (generation().number, generation().dim) == (1, 384)
    with tenant_transaction():
        assert engine().ready(generation())


def test_the_first_generation_is_made_once_however_many_ask(tenant):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    def ask(_):
        try:
            with tenant_scope(tenant):
                return generation()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
    put(document("seat"))
    assert len(found(plan("seat"))) == 1


def test_writers_of_one_tenant_do_not_lose_each_others_counts(tenant):
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connections

    generation()

    def write(number):
        try:
            with tenant_scope(tenant):
                return put(*(document(f"seat w{number}", id=UUID(int=number * 100 + n)) for n in range(5)))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(write, range(8))) == 40
    with tenant_transaction():
        counted = engine().statistics(plan("seat"))
    assert (counted.documents, set(counted.frequencies.values())) == (40, {40})


@pytest.mark.parametrize("role", ["SEQUENCER", "RELAY"])
def test_the_sequencer_and_the_relay_cannot_read_the_index(cluster, role):
    with psycopg.connect(cluster.settings()[f"DATABASE_{role}_URL"]) as session:
        refused = session.execute("SELECT has_table_privilege(current_user, 'search_entry', 'SELECT')").fetchone()
    assert refused == (False,)


def test_the_space_of_a_row_is_indexed(superuser):
    assert SPACE
    names = {row[0] for row in superuser.execute("SELECT indexname FROM pg_indexes WHERE tablename = 'search_entry'")}
    assert {"search_entry_pkey", "search_entry_space"} <= names

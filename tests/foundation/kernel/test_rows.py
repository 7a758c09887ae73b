"""Statements that are put together once: the same rows as the models' own queries, and never another tenant's."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import DatabaseError, DataError, IntegrityError

from foundation.kernel import rows
from foundation.kernel.clock import now
from foundation.kernel.models import WorkItem
from foundation.kernel.scope import NoTenantTransaction, savepoint, tenant_scope, tenant_transaction
from foundation.search.models import Entry, Swap


def _item(number: int) -> WorkItem:
    return WorkItem(kind="test.rows", ref={"number": number, "list": [1, None]})


def test_what_is_inserted_is_what_the_model_reads(tenant):
    with tenant_transaction():
        rows.insert([_item(1)])
        rows.insert([_item(2), _item(3)])
        assert [item.ref["number"] for item in WorkItem.objects.order_by("id")] == [1, 2, 3]
        assert WorkItem.objects.first().ref["list"] == [1, None]


def test_more_rows_than_one_statement_takes_are_inserted(tenant):
    with tenant_transaction():
        rows.insert([_item(number) for number in range(6000)])  # of eleven columns and more
        assert WorkItem.objects.count() == 6000


@pytest.mark.parametrize("count", [1, rows.FEW + 1])
def test_lists_and_bytes_are_read_as_they_were_written(tenant, count):
    written = [_entry(number) for number in range(count)]
    with tenant_transaction():
        rows.insert(written)
        read = {entry.id: entry for entry in Entry.objects.all()}
    assert len(read) == count
    for entry in written:
        assert read[entry.id].labels == ODD[: entry.version]
        assert [bytes(each) for each in read[entry.id].subjects] == [b"\x00\\", b"\xff"]
        assert bytes(read[entry.id].session) == b"{}" if entry.version % 2 else read[entry.id].session is None


ODD = ['a"b', "c,d", "{e}", "NULL", "\\", "", "é "]


def _entry(number: int) -> Entry:
    ids = {name: uuid4() for name in ("id", "record_id", "space_id")}
    times = dict.fromkeys(("recorded_at", "superseded_at", "valid_from", "valid_to", "expires_at"), now())
    plain = {"revision": 1, "generation": 1, "version": number, "collection": "memory", "state": "active", "kind": "k"}
    named = {"labels": ODD[:number], "subjects": [b"\x00\\", b"\xff"], "session": b"{}" if number % 2 else None}
    return Entry(**ids, **times, **plain, **named)


@pytest.mark.parametrize("count", [1, rows.FEW + 1])
def test_what_is_too_long_for_its_column_is_refused_and_not_cut(tenant, count):
    with tenant_transaction(), pytest.raises(DataError), savepoint():
        rows.insert([WorkItem(kind="k" * 65, ref={}) for _ in range(count)])


@pytest.mark.parametrize("count", [1, rows.FEW + 1])
def test_a_time_that_is_left_to_the_database_is_its_own(tenant, count):
    with tenant_transaction() as work:
        rows.insert([WorkItem(kind="test.rows", ref={}, due=None) for _ in range(count)])
        assert all(item.due >= work.began for item in WorkItem.objects.all())


@pytest.mark.parametrize("count", [1, rows.FEW + 1])
def test_rows_of_several_models_are_inserted_together(tenant, count):
    with tenant_transaction():
        rows.insert_together(
            [_item(number) for number in range(count)], [], [Swap(old=1, new=2, cause="operator", least=0)]
        )
        assert WorkItem.objects.count() == count
        assert Swap.objects.get().new == 2


def test_one_row_that_is_refused_takes_with_it_what_was_to_be_inserted_together(tenant):
    stands = _item(1)
    with tenant_transaction():
        rows.insert([stands])
        with pytest.raises(IntegrityError), savepoint():
            rows.insert_together([Swap(old=1, new=2, cause="operator", least=0)], [stands])
        assert not Swap.objects.exists()


@pytest.mark.parametrize("count", [1, rows.FEW + 1, 60])
def test_of_rows_inserted_together_those_that_may_stand_stay_as_they_are(tenant, count):
    stands, beside = _item(1), Swap(old=1, new=2, cause="operator", least=0)
    again = WorkItem(id=stands.id, kind="test.rows", ref={"number": 2})
    with tenant_transaction():
        rows.insert([stands])
        rows.insert_together([beside], [], unless_there=[again, *(_item(3) for _ in range(count))])
        assert WorkItem.objects.get(id=stands.id).ref["number"] == 1
        assert WorkItem.objects.count() == count + 1
        with pytest.raises(IntegrityError), savepoint():
            rows.insert_together([beside], unless_there=[_item(4)])


def test_what_is_selected_is_what_the_model_reads(tenant):
    with tenant_transaction():
        rows.insert([_item(number) for number in range(3)])
        found = rows.select(WorkItem, "kind = %s", ["test.rows"], last="ORDER BY id")
        expected = list(WorkItem.objects.order_by("id"))
    assert [item.__dict__ | {"_state": None} for item in found] == [i.__dict__ | {"_state": None} for i in expected]


def test_a_deferred_field_is_read_when_it_is_asked_for(tenant):
    with tenant_transaction():
        rows.insert([_item(7)])
        (found,) = rows.select(WorkItem, "", without=("ref",))
        assert "ref" not in found.__dict__
        assert found.ref["number"] == 7


def test_no_row_of_another_tenant_is_selected(tenant):
    with tenant_transaction():
        rows.insert([_item(1)])
        assert rows.first(WorkItem, "") is not None
    with tenant_scope(uuid4()), tenant_transaction():
        assert rows.select(WorkItem, "") == []


def test_a_condition_with_or_does_not_leave_the_tenant(tenant):
    with tenant_transaction():
        rows.insert([_item(1)])
    with tenant_scope(uuid4()), tenant_transaction():
        assert rows.select(WorkItem, "kind = %s OR true", ["x"]) == []


def test_an_insert_that_may_meet_another_leaves_the_first(tenant):
    first = _item(1)
    with tenant_transaction():
        rows.insert([first])
        rows.insert([WorkItem(id=first.id, kind="other", ref={})], ignore_conflicts=True)
        assert rows.select(WorkItem, "id = %s", [first.id])[0].kind == "test.rows"


def test_nothing_is_read_outside_a_transaction(tenant):
    with pytest.raises(NoTenantTransaction):
        rows.select(WorkItem, "")


def test_an_instance_is_what_django_makes_of_the_row(tenant):
    with tenant_transaction() as work:
        rows.insert([_item(1)])
        [plain] = WorkItem.objects.all()
        [quick], [part] = rows.select(WorkItem, ""), rows.select(WorkItem, "", without=("ref",))
        names = [field.attname for field in WorkItem._meta.concrete_fields]
        assert [getattr(quick, name) for name in names] == [getattr(plain, name) for name in names]
        assert (quick._state.adding, quick._state.db) == (plain._state.adding, plain._state.db) == (False, work.using)
        assert part.get_deferred_fields() == {"ref"}
        assert part.ref == quick.ref == {"number": 1, "list": [1, None]}
        quick.attempts = 5
        quick.save(update_fields=["attempts"])
        assert WorkItem.objects.get().attempts == 5


def test_ids_and_numbers_are_arrays_to_the_database(tenant):
    ids, numbers = [uuid4() for _ in range(3)], [1, None, -(2**31)]
    with tenant_transaction():
        assert rows.execute("SELECT %s::uuid[], %s::uuid[]", [rows.uuids(ids), rows.uuids([])]) == [(ids, [])]
        assert rows.execute("SELECT %s::int[]", [rows.integers(numbers)]) == [(numbers,)]
        assert rows.execute("SELECT %s::bytea[]", [rows.byteas([b"", b'\x00\\"{'])]) == [([b"", b'\x00\\"{'],)]
        assert rows.execute("SELECT %s::text[], %s::text[]", [rows.texts(ODD), rows.texts([])]) == [(ODD, [])]


def test_a_binary_answer_says_the_same_and_the_next_one_is_text_again(tenant):
    statement = "SELECT %s::bytea, %s::smallint, %s::bigint, %s::uuid"
    values = [bytes(range(256)), 2, 2**40, uuid4()]
    with tenant_transaction() as work:
        assert rows.execute_binary(statement, values) == rows.execute(statement, values) == [tuple(values)]
        [(read,)] = rows.execute_binary("SELECT now()")
        assert (read, read.tzinfo) == (work.began, UTC)
        with pytest.raises(DataError), savepoint():
            rows.execute_binary("SELECT 1 / %s::int", [0])
        assert work.cursor.cursor.format == 0


def test_statements_that_are_sent_together_are_answered_each(tenant):
    with tenant_transaction():
        rows.insert([_item(number) for number in range(3)])
        with rows.pipelined():
            asked = [rows.sent(COUNT, [tenant, number]) for number in range(3)]
            found = [read() for read in reversed(asked)]
        assert rows.execute("SELECT 1") == [(1,)]
    assert found == [[(3,)], [(2,)], [(1,)]]  # read last first


def test_without_a_pipeline_a_sent_statement_is_answered_too(tenant):
    with tenant_transaction():
        assert rows.sent(COUNT, [tenant, 0])() == [(0,)]


def test_a_statement_that_fails_among_others_fails_the_transaction(tenant):
    with pytest.raises(DatabaseError), tenant_transaction(), rows.pipelined():
        asked = [rows.sent("SELECT 1 / %s", [number]) for number in (1, 0, 2)]
        assert asked[0]() == [(1,)]
        asked[1]()
    with tenant_transaction():
        assert rows.execute("SELECT 1") == [(1,)]


def test_what_fails_and_is_not_read_fails_the_block(tenant):
    with pytest.raises(DatabaseError), tenant_transaction(), rows.pipelined():
        rows.sent("SELECT 1 / %s", [0])


COUNT = "SELECT count(*) FROM kernel_workitem WHERE tenant_id = %s AND (ref->>'number')::int < %s + 1"


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23 13:00:00.123456+00",
        "2026-11-23 13:00:00+00",
        "0001-01-01 00:00:00+00",
        "9999-12-31 23:59:59.999999+00",
        "2026-02-28 23:59:59.1+00",
    ],
)
def test_times_are_read_as_the_driver_reads_them(tenant, text):
    with tenant_transaction():
        ((read,),) = rows.execute("SELECT %s::timestamptz", [text])
        ((local,),) = rows.execute("SELECT (%s::timestamptz)::timestamp", [text])
    assert read == local.replace(tzinfo=UTC)
    assert read.tzinfo is UTC


def test_a_time_in_another_zone_is_the_same_time(tenant):
    with tenant_transaction():
        rows.execute("SET LOCAL TIME ZONE '+05:30'")
        ((read,),) = rows.execute("SELECT '2026-11-23 13:00:00+00'::timestamptz")
    assert read == datetime(2026, 11, 23, 13, tzinfo=UTC)

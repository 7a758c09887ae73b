"""Statements that are put together once: the same rows as the models' own queries, and never another tenant's."""

from uuid import uuid4

import pytest
from django.db import DataError, IntegrityError

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

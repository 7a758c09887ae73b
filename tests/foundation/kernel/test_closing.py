"""A transaction's last statement: one for all its parts, and each part's own to refuse."""

import pytest
from django.db import connections

from foundation.kernel import rows
from foundation.kernel.closing import Part, close_with
from foundation.kernel.models import WorkItem
from foundation.kernel.outbox import enqueue
from foundation.kernel.scope import NoTenantTransaction, savepoint, tenant_scope, tenant_transaction

RENAME = "UPDATE kernel_workitem SET kind = %s WHERE tenant_id = %s AND kind = %s RETURNING true"
ANY_SUCH = ("EXISTS (SELECT FROM {})",)


def inserting(kind):
    ((writes, values),) = rows.insertions([WorkItem(kind=kind, ref={})])
    return Part(writes=writes, values=values)


def renaming(tenant, old, new, told):
    return Part(ANY_SUCH, told.append, writes=RENAME, values=[new, tenant, old])


def kinds():
    with tenant_transaction():
        return sorted(WorkItem.objects.values_list("kind", flat=True))


@pytest.fixture
def sent():
    """The statements sent to the database."""
    texts = []

    def watch(execute, sql, params, many, context):
        texts.append(sql)
        return execute(sql, params, many, context)

    with connections["default"].execute_wrapper(watch):
        yield texts


def test_all_parts_are_one_statement_and_each_is_told_its_own(tenant, sent):
    told, sums = [], []
    with tenant_transaction():
        rows.insert([WorkItem(kind="test.old", ref={})])
        close_with(renaming(tenant, "test.old", "test.new", told))
        close_with(renaming(tenant, "test.none", "test.new", told))
        close_with(inserting("test.inserted"))
        close_with(Part(("%s + %s", "%s::text"), lambda *both: sums.append(both), about=[1, 2, "three"]))
        assert not told
    assert len(sent) == 2  # the row, and all the rest
    assert (told, sums) == ([True, False], [(3, "three")])
    assert kinds() == ["test.inserted", "test.new"]


def test_a_part_sees_what_stood_before_the_statement(tenant):
    told = []
    count = ("(SELECT count(*) FROM kernel_workitem WHERE tenant_id = %s)",)
    with tenant_transaction():
        close_with(inserting("test.inserted"))
        close_with(Part(count, told.append, about=[tenant]))
    assert told == [0]
    assert kinds() == ["test.inserted"]


def test_what_a_part_refuses_is_undone_whole(tenant):
    def refuse(_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), tenant_transaction():
        close_with(inserting("test.inserted"))
        close_with(Part(("true",), refuse))
    assert kinds() == []


def test_a_savepoint_takes_its_parts_along(tenant):
    with tenant_transaction():
        close_with(inserting("test.kept"))
        with pytest.raises(ZeroDivisionError), savepoint():
            close_with(inserting("test.undone"))
            raise ZeroDivisionError
    assert kinds() == ["test.kept"]


def test_parts_added_by_the_last_acts_are_in_the_same_statement(tenant, sent):
    with tenant_transaction() as work:
        close_with(inserting("test.first"))
        work.before_commit(lambda _: close_with(inserting("test.second")))
        enqueue("test.none", {})  # it has a message to send
    assert len(sent) == 2
    assert kinds() == ["test.first", "test.none", "test.second"]


def test_a_transaction_without_parts_has_no_such_statement(tenant, sent):
    with tenant_transaction(), pytest.raises(ZeroDivisionError), savepoint():
        close_with(inserting("test.undone"))
        raise ZeroDivisionError
    assert [text for text in sent if "kernel_workitem" in text] == []


def test_parts_are_a_transactions(tenant):
    with tenant_scope(tenant), pytest.raises(NoTenantTransaction):
        close_with(inserting("test.none"))

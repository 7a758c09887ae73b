"""The erasure ledger survives what may happen to a file, and says what must be erased again."""

import pytest

from foundation.kernel.ids import uuid7
from foundation.kernel.problems import Integrity
from foundation.kernel.scope import tenant_transaction
from governance import erasure_ledger
from governance.erasure_ledger import Entry
from governance.models import MemCube, State
from governance.services.erase_again import erase_again
from tests.governance.builders import admitted


@pytest.fixture(autouse=True)
def ledger(tmp_path, settings):
    settings.ERASURE_LEDGER = f"file:{tmp_path}"
    return tmp_path / "ledger.jsonl"


def entries():
    return [entry.records for entry in erasure_ledger.entries()]


def test_what_is_noted_is_read_back_in_order(tenant):
    one, two, request, subject = uuid7(), uuid7(), uuid7(), uuid7()
    erasure_ledger.append(request, subject, [one, two])
    erasure_ledger.append(request, None, [two])
    assert list(erasure_ledger.entries()) == [
        Entry(tenant, request, subject, (one, two)),
        Entry(tenant, request, None, (two,)),
    ]


def test_a_line_that_a_kill_left_unfinished_is_no_entry_and_spoils_no_later_one(tenant, ledger):
    first, last = uuid7(), uuid7()
    erasure_ledger.append(uuid7(), None, [first])
    with open(ledger, "a") as file:
        file.write('{"tenant": "0')
    assert entries() == [(first,)]
    erasure_ledger.append(uuid7(), None, [last])
    assert entries() == [(first,), (last,)]


def test_a_spoilt_line_is_not_passed_over(tenant, ledger):
    erasure_ledger.append(uuid7(), None, [uuid7()])
    ledger.write_text(ledger.read_text().replace('"records"', '"recods"'))
    with pytest.raises(Integrity):
        entries()


def test_where_nothing_was_erased_there_is_no_ledger():
    assert entries() == []


def test_what_is_there_again_is_erased_again_and_once(tenant, agent, space):
    doomed, kept = (admitted(agent, space, f"Bicycle {n} is blue.").memory.cube.id for n in (1, 2))
    entry = Entry(tenant, uuid7(), None, (doomed, uuid7()))
    assert erase_again(entry) == 1
    assert erase_again(entry) == 0
    with tenant_transaction():
        states = dict(MemCube.objects.filter(id__in=[doomed, kept]).values_list("id", "state"))
    assert states == {doomed: State.FORGOTTEN, kept: State.ACTIVE}

"""Reads refuse what the manifest does not name, and raise no false alarm."""

import psycopg
import pytest

from audit import manifest
from audit.acts import Act
from audit.event import Change
from audit.pin import FilePins, pins, watch
from audit.selectors import verify_elements
from audit.services import sequence
from audit.services.record import record
from foundation.kernel.ids import uuid7
from foundation.kernel.problems import Integrity, Unavailable
from foundation.kernel.scope import tenant_scope, tenant_transaction
from tests.audit.build import actor, admit, element, reason

pytestmark = pytest.mark.usefixtures("ledger")


def check(elements):
    with tenant_transaction(snapshot=True):
        verify_elements(elements)


def admitted(count=3):
    """Memories in the log and their elements."""
    found = {uuid7(): element() for _ in range(count)}
    for memory, value in found.items():
        admit(memory=memory, new=value)
    return found


def test_what_was_admitted_is_accepted_before_and_after_sequencing(tenant):
    memories = admitted()
    check(memories)
    sequence.drain()
    check(memories)


def test_a_pending_change_is_counted_on_top_of_the_manifest(tenant):
    memory, old, new = uuid7(), element(), element()
    admit(memory=memory, new=old)
    sequence.drain()
    admit(memory=memory, old=old, new=new)
    check({memory: new})
    with pytest.raises(Integrity):
        check({memory: old})


@pytest.mark.parametrize("sequenced", [False, True])
def test_another_element_a_missing_and_an_unknown_memory_are_refused(tenant, sequenced):
    (memory, value), *_ = admitted().items()
    if sequenced:
        sequence.drain()
    for lie in ({memory: element()}, {memory: None}, {uuid7(): element()}):
        with pytest.raises(Integrity):
            check(lie)
    check({memory: value, uuid7(): None})


def test_an_erased_memory_that_is_still_there_is_refused(tenant):
    memory, value = uuid7(), element()
    admit(memory=memory, new=value)
    with tenant_transaction():
        record(actor(), Act.MEMORY_ERASE, changes=[Change(memory, value, None)])
    for _ in range(2):
        check({memory: None})
        with pytest.raises(Integrity):
            check({memory: value})
        sequence.drain()


def test_a_dropped_pending_row_is_noticed_by_the_next_read(tenant, tamper):
    memories = admitted(1)
    check(memories)
    assert tamper("DELETE FROM audit_outbox WHERE tenant_id = %s", tenant) == 1
    with pytest.raises(Integrity):
        check(memories)


@pytest.mark.parametrize("column", ["entry", "chain", "mac", "detail", "n", "lane", "touched", "written_at"])
def test_a_tampered_pending_row_is_refused(tenant, tamper, column):
    memories = admitted(1)
    change = {
        "n": "n + 1",
        "lane": "gen_random_uuid()",
        "touched": "touched || gen_random_uuid()",
        "written_at": "written_at + interval '1 microsecond'",
    }.get(column, f"set_byte({column}, 20, get_byte({column}, 20) # 1)")
    assert tamper(f"UPDATE audit_outbox SET {column} = {change} WHERE tenant_id = %s", tenant) == 1
    with pytest.raises(Integrity):
        check(memories)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_manifestnode SET body = set_byte(body, 20, get_byte(body, 20) # 1) WHERE level = 0 AND tenant_id = %s",
        "UPDATE audit_manifestnode SET body = set_byte(body, 20, get_byte(body, 20) # 1) WHERE level = 1 AND tenant_id = %s",
        "UPDATE audit_manifestnode SET body = set_byte(body, 20, get_byte(body, 20) # 1) WHERE level = 2 AND tenant_id = %s",
        "UPDATE audit_manifestnode SET level = 5 WHERE level = 0 AND tenant_id = %s",
        'UPDATE audit_manifestnode SET "index" = 9 WHERE level = 0 AND tenant_id = %s',
        "DELETE FROM audit_manifestnode WHERE level = 1 AND tenant_id = %s",
        "UPDATE audit_head SET note = replace(note, 'manifest ', 'manifest A') WHERE tenant_id = %s",
        "UPDATE audit_head SET root = set_byte(root, 0, get_byte(root, 0) # 1) WHERE tenant_id = %s",
        "UPDATE audit_head SET size = size + 1 WHERE tenant_id = %s",
        "DELETE FROM audit_head WHERE tenant_id = %s",
    ],
)
def test_a_tampered_manifest_or_head_is_refused(tenant, tamper, tampering):
    memories = admitted(2)
    sequence.drain()
    check(memories)
    assert tamper(tampering, tenant) == 1
    manifest._inner.clear()  # a process that remembers the genuine node goes on with it
    with pytest.raises(Integrity):
        check(memories)


def test_a_head_put_back_is_refused_and_only_that_tenant_stops(
    tenant, other_tenant, tamper, superuser: psycopg.Connection
):
    memories = admitted(1)
    sequence.drain()
    old = superuser.execute("SELECT size, root, note FROM audit_head WHERE tenant_id = %s", [tenant]).fetchone()
    admit()
    sequence.drain()
    tamper("UPDATE audit_head SET size = %s, root = %s, note = %s WHERE tenant_id = %s", *old, tenant)
    watch.forget()
    with pytest.raises(Integrity):
        check(memories)
    assert reason(tenant, superuser) == "pin"
    with pytest.raises(Unavailable):
        admit()
    with tenant_scope(other_tenant):
        check(admitted(1))


def test_a_snapshot_older_than_the_pin_is_no_false_alarm(tenant, superuser):
    memories = admitted(1)
    sequence.drain()
    with tenant_transaction(snapshot=True):
        verify_elements(memories)
        _advance_elsewhere(tenant)
        watch.forget()
        assert watch.highest(tenant).size == 2
        verify_elements(memories)
    assert reason(tenant, superuser) is None


def _advance_elsewhere(tenant):
    import threading

    def work():
        from django.db import connections

        with tenant_scope(tenant):
            admit()
            sequence.drain()
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_pin_put_back_is_refused_by_a_process_that_saw_it(tenant, superuser):
    memories = admitted(1)
    sequence.drain()
    old = pins().read(tenant)
    admit()
    sequence.drain()
    watch.forget()
    watch.highest(tenant)
    (pins().folder / str(tenant)).write_text(old.note)
    with pytest.raises(Integrity):
        watch.highest(tenant, fresh=0.0)
    (pins().folder / str(tenant)).unlink()
    with pytest.raises(Integrity):
        watch.highest(tenant, fresh=0.0)
    check(memories)  # the held pin still serves


def test_a_reader_overtaken_by_another_raises_no_alarm(tenant, superuser, monkeypatch):
    """Threads of one process look at the pin together: the later look may be remembered before the earlier."""
    memories = admitted(1)
    sequence.drain()
    watch.forget()
    read, overtaken = FilePins.read, []

    def slow(self, asked):
        pin = read(self, asked)
        if not overtaken:
            overtaken.append(pin.size)
            _advance_elsewhere(tenant)
            watch.highest(tenant, fresh=0.0)
        return pin

    monkeypatch.setattr(FilePins, "read", slow)
    assert watch.highest(tenant).size > overtaken[0]
    check(memories)
    assert reason(tenant, superuser) is None

"""From the transaction to the signed log: what goes in, what stops a tenant, and that nothing else does."""

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.db import connections

from audit import heartbeat, manifest
from audit.acts import Act
from audit.event import EventError
from audit.lanes import pool
from audit.models import Detail, Entry, Head, Lane, Outbox
from audit.origin import DIRECTORY, own_checkpoint
from audit.pin import pins
from audit.selectors import detail, query_text
from audit.sequencer import round as rounds
from audit.services import sequence
from audit.services.record import Change, record
from foundation.kernel.clock import frozen, now
from foundation.kernel.ids import uuid7
from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import savepoint, tenant_scope, tenant_transaction
from tests.audit.build import actor, admit, element, read, reason
from tests.conftest import new_tenant

pytestmark = pytest.mark.usefixtures("ledger")


def log(tenant):
    """(event id, leaf bytes) of the tenant's log, in order."""
    with tenant_scope(tenant), tenant_transaction():
        return [(row.id, bytes(row.entry)) for row in Entry.objects.order_by("index")]


def lanes_afresh():
    """Let go of this process's lanes, so that the next transaction begins a new one."""
    pool.__init__()


def test_an_event_becomes_a_leaf_under_a_signed_and_pinned_head(tenant):
    event = admit()
    assert sequence.drain() >= 1
    with tenant_transaction():
        entry, head = Entry.objects.get(id=event.id), Head.objects.get()
        assert not Outbox.objects.exists()
    assert (entry.index, bytes(entry.entry)) == (0, event.entry())
    checkpoint = own_checkpoint(head.note, tenant)
    assert (checkpoint.size, checkpoint.root) == (1, event.leaf_hash())
    assert pins().read(tenant).note == head.note


def test_the_directory_log_has_the_tenants_checkpoint_as_its_last_leaf(tenant):
    admit()
    sequence.drain()
    assert log(DIRECTORY)[-1][1].decode() == pins().read(tenant).note
    assert pins().read(DIRECTORY).size == len(log(DIRECTORY))


def test_detail_and_query_are_sealed_and_open_before_and_after_sequencing(tenant, superuser):
    canary, memory = "what seat does Ana like", uuid7()
    with tenant_transaction():
        event = record(actor(), Act.MEMORY_SEARCH, detail={"hits": [[memory, 1]]}, query=canary)
    for _ in range(2):
        with tenant_transaction():
            assert detail(event.id)[1] == {"hits": [[str(memory), 1]]}
            assert query_text(event.id) == canary
        sequence.drain()
    with tenant_transaction():
        stored = Detail.objects.get(id=event.id)
        leaf = bytes(Entry.objects.get(id=event.id).entry)
    for part in (bytes(stored.sealed), bytes(stored.query), leaf):
        assert canary.encode() not in part
    assert str(memory).encode() not in leaf


def test_a_rolled_back_savepoint_takes_its_events_with_it(tenant):
    with tenant_transaction():
        kept = record(actor(), Act.MEMORY_READ)
        with pytest.raises(ZeroDivisionError), savepoint():
            record(actor(), Act.MEMORY_READ)
            raise ZeroDivisionError
    sequence.drain()
    assert [one for one, _ in log(tenant)] == [kept.id]


@pytest.mark.parametrize("word", ["two words", "Ana Díaz", "x" * 65, ""])
def test_text_is_refused_in_an_event(tenant, word):
    with tenant_transaction(), pytest.raises(EventError):
        record(actor(), Act.MEMORY_READ, outcome=word)


def test_more_than_24_changes_are_refused(tenant):
    with tenant_transaction(), pytest.raises(EventError):
        record(actor(), Act.MEMORY_ADMIT, changes=[Change(uuid7(), None, element()) for _ in range(25)])
    with tenant_transaction():
        record(actor(), Act.MEMORY_ADMIT, changes=[Change(uuid7(), None, element()) for _ in range(24)])


def test_aborted_transactions_raise_no_false_alarm(tenant, superuser):
    dice, kept = random.Random(7), []
    for step in range(200):
        try:
            with tenant_transaction() as work:
                event = record(actor(), Act.MEMORY_ADMIT, changes=[Change(uuid7(), None, element())])
                if dice.random() < 0.1:
                    raise ZeroDivisionError
                if dice.random() < 0.1:  # after the rows were numbered and inserted
                    after_all(work, _boom)
            kept.append(event.id)
        except ZeroDivisionError:
            pass
        if step % 40 == 0:
            sequence.run_once()
            heartbeat.beat()
    sequence.drain()
    assert reason(tenant, superuser) is None
    assert [one for one, _ in log(tenant)] == kept
    assert len(kept) < 200


def after_all(work, act):
    """Run `act(work)` after the events are inserted."""
    work.before_commit(lambda work: work.at_last(act))


def _boom(_work):
    raise ZeroDivisionError


def test_a_commit_that_fails_gives_the_lane_back_or_retires_it(tenant, superuser):
    admit()
    for error in (ZeroDivisionError, Unavailable):
        with pytest.raises(error), tenant_transaction() as work:
            record(actor(), Act.MEMORY_READ)

            def fail(_work, error=error):
                raise error

            after_all(work, fail)
    admit()
    with pytest.raises(Exception), tenant_transaction():  # noqa: B017, PT011 - COMMIT itself fails
        record(actor(), Act.MEMORY_READ)
        connections["default"].connection.pgconn.finish()
    connections["default"].close()
    admit()
    heartbeat.beat()
    sequence.drain()
    assert reason(tenant, superuser) is None
    assert len(log(tenant)) == 3


def test_four_writers_at_once_lose_and_double_nothing(tenant, superuser):
    made, stop = [], threading.Event()

    def write(number):
        dice = random.Random(number)
        with tenant_scope(tenant):
            for _ in range(40):
                try:
                    with tenant_transaction():
                        events = [record(actor(), Act.MEMORY_READ) for _ in range(dice.randint(1, 3))]
                        if dice.random() < 0.1:
                            raise ZeroDivisionError
                    made.extend(event.id for event in events)
                except ZeroDivisionError:
                    pass
        connections.close_all()

    def sequencing():
        while not stop.is_set():
            sequence.run_once()
            heartbeat.beat(0.01)
        connections.close_all()

    runner = threading.Thread(target=sequencing)
    writers = [threading.Thread(target=write, args=[number]) for number in range(4)]
    runner.start()
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    runner.join()
    sequence.drain()
    assert reason(tenant, superuser) is None
    assert sorted(one for one, _ in log(tenant)) == sorted(made)


def test_deltas_of_one_memory_from_several_lanes_apply_in_order(tenant, superuser):
    memory, values = uuid7(), [None, *(element() for _ in range(6))]
    for old, new in itertools.pairwise(values):
        admit(memory=memory, old=old, new=new)
        lanes_afresh()
    sequence.drain()
    assert reason(tenant, superuser) is None


# --- what stops a tenant ---


@pytest.mark.parametrize("followed_by", ["an event", "a heartbeat"])
def test_a_dropped_row_stops_the_tenant_and_no_other(tenant, other_tenant, tamper, superuser, followed_by):
    dropped = admit()
    if followed_by == "an event":
        admit()
    else:
        heartbeat.beat()
    with tenant_scope(other_tenant):
        other = admit()
    assert tamper("DELETE FROM audit_outbox WHERE id = %s", dropped.id) == 1
    sequence.drain()
    assert reason(tenant, superuser) == "lane"
    assert log(tenant) == []
    assert [one for one, _ in log(other_tenant)] == [other.id]
    with pytest.raises(Unavailable):
        read()


COLUMNS = "tenant_id, id, lane, n, chain, entry, detail, query, touched, mac, written_at"


@pytest.mark.parametrize("sequenced", [False, True])
def test_a_replayed_genuine_row_stops_the_tenant(tenant, tamper, superuser, sequenced):
    event = admit()
    tamper(f"CREATE TEMP TABLE kept AS SELECT {COLUMNS} FROM audit_outbox WHERE id = %s", event.id)
    if sequenced:
        sequence.drain()
    else:
        tamper("ALTER TABLE kept ADD COLUMN seq bigint")
        tamper("UPDATE kept SET id = %s", uuid7())
    tamper(f"INSERT INTO audit_outbox ({COLUMNS}) SELECT {COLUMNS} FROM kept")
    sequence.drain()
    assert reason(tenant, superuser) == "lane"
    assert len(log(tenant)) == (1 if sequenced else 0)


def test_a_replay_with_the_lanes_state_put_back_is_a_repeat(tenant, tamper, superuser):
    event = admit()
    tamper(f"CREATE TEMP TABLE kept AS SELECT {COLUMNS} FROM audit_outbox WHERE id = %s", event.id)
    sequence.drain()
    assert tamper("DELETE FROM audit_lane WHERE tenant_id = %s", tenant) == 1
    tamper(f"INSERT INTO audit_outbox ({COLUMNS}) SELECT {COLUMNS} FROM kept")
    sequence.drain()
    assert reason(tenant, superuser) == "repeat"
    assert len(log(tenant)) == 1


def test_a_genuine_row_that_never_committed_is_no_substitute(tenant, tamper, superuser):
    """A database keeps the rows of rolled-back transactions for a while: such a row is authentic, and was never true."""
    with pytest.raises(ZeroDivisionError), tenant_transaction() as work:
        record(actor(), Act.MEMORY_READ)
        after_all(work, lambda _: _keep_and_fail())
    true = admit()
    admit()
    assert tamper("DELETE FROM audit_outbox WHERE id = %s", true.id) == 1
    row = _kept[0]
    values = [getattr(row, name.strip()) for name in COLUMNS.split(",")]
    tamper(f"INSERT INTO audit_outbox ({COLUMNS}) VALUES ({', '.join(['%s'] * len(values))})", *values)
    sequence.drain()
    assert reason(tenant, superuser) == "lane"
    assert log(tenant) == []


_kept = []


def _keep_and_fail():
    _kept[:] = list(Outbox.objects.all())
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ("entry", "mac"),
        ("chain", "mac"),
        ("mac", "mac"),
        ("detail", "mac"),
        ("n", "lane"),
        ("lane", "mac"),
        ("touched", "mac"),
        ("written_at", "mac"),
        ("id", "mac"),
    ],
)
def test_any_changed_column_of_an_outbox_row_stops_the_tenant(tenant, tamper, superuser, column, why):
    admit()
    change = {
        "n": "n + 1",
        "lane": "gen_random_uuid()",
        "id": "gen_random_uuid()",
        "touched": "touched || gen_random_uuid()",
        "written_at": "written_at + interval '1 microsecond'",
    }.get(column, f"set_byte({column}, 20, get_byte({column}, 20) # 1)")
    admit()
    assert tamper(f"UPDATE audit_outbox SET {column} = {change} WHERE tenant_id = %s", tenant) == 2
    sequence.drain()
    assert reason(tenant, superuser) == why
    assert log(tenant) == []


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE audit_tile SET hashes = set_byte(hashes, 3, get_byte(hashes, 3) # 1) WHERE tenant_id = %s", "tree"),
        ("UPDATE audit_tile SET level = 3 WHERE tenant_id = %s", "tree"),
        ("DELETE FROM audit_tile WHERE tenant_id = %s", "tree"),
        ("UPDATE audit_head SET root = set_byte(root, 3, get_byte(root, 3) # 1) WHERE tenant_id = %s", "pin"),
        ("UPDATE audit_head SET size = size - 1 WHERE tenant_id = %s", "pin"),
        ("UPDATE audit_head SET note = replace(note, 'at 1', 'at 2') WHERE tenant_id = %s", "head"),
        ("DELETE FROM audit_head WHERE tenant_id = %s", "pin"),
        ("UPDATE audit_manifestnode SET body = body || 'x' WHERE level = 2 AND tenant_id = %s", "manifest"),
        ("UPDATE audit_manifestnode SET body = body || 'x' WHERE level = 0 AND tenant_id = %s", "manifest"),
        ("UPDATE audit_lane SET n = n - 1 WHERE tenant_id = %s", "lane"),
        ("UPDATE audit_lane SET chain = set_byte(chain, 3, get_byte(chain, 3) # 1) WHERE tenant_id = %s", "lane"),
        ("UPDATE audit_lane SET mac = set_byte(mac, 3, get_byte(mac, 3) # 1) WHERE tenant_id = %s", "lane"),
        ("UPDATE audit_lane SET closed = NOT closed WHERE tenant_id = %s", "lane"),
        ("DELETE FROM audit_lane WHERE tenant_id = %s", "lane"),
    ],
)
def test_a_tampered_log_stops_its_tenant_before_anything_is_signed(tenant, tamper, superuser, statement, why):
    admit(2)
    sequence.drain()
    assert tamper(statement, tenant) == 1
    manifest._inner.clear()
    admit()
    sequence.drain()
    assert reason(tenant, superuser) == why
    assert len(log(tenant)) == 2


def test_an_entry_beyond_the_head_stops_its_tenant_and_not_the_round(tenant, other_tenant, tamper, superuser):
    admit()
    sequence.drain()
    tamper('UPDATE audit_entry SET "index" = 1 WHERE tenant_id = %s', tenant)
    admit()
    with tenant_scope(other_tenant):
        admit()
    sequence.drain()
    assert reason(tenant, superuser) == "tree"
    assert len(log(other_tenant)) == 1


def test_a_delta_that_does_not_fit_stops_its_tenant(tenant, superuser):
    admit(memory=uuid7(), old=element())
    sequence.drain()
    assert reason(tenant, superuser) == "manifest"


# --- the pin ---


def test_a_kill_between_commit_and_pin_is_made_good(tenant, superuser, monkeypatch):
    admit()
    sequence.drain()
    admit()
    monkeypatch.setattr(rounds.Sequencer, "_pin", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        sequence.run_once()
    monkeypatch.undo()
    assert pins().read(tenant).size == 1
    assert len(log(tenant)) == 2
    sequence._sequencer.resign()
    again = rounds.Sequencer()
    again.round()
    again.resign()
    assert pins().read(tenant).size == 2
    assert reason(tenant, superuser) is None


def test_a_log_put_back_as_a_whole_stops_that_tenant_only(tenant, other_tenant, tamper, superuser):
    for one in (tenant, other_tenant):
        with tenant_scope(one):
            admit()
    sequence.drain()
    tables = ("entry", "tile", "head", "lane", "manifestnode", "detail")
    for name in tables:
        tamper(f"CREATE TEMP TABLE old_{name} AS SELECT * FROM audit_{name} WHERE tenant_id = %s", tenant)
    lanes_afresh()
    admit()
    sequence.drain()
    for name in tables:
        tamper(f"DELETE FROM audit_{name} WHERE tenant_id = %s", tenant)
        tamper(f"INSERT INTO audit_{name} SELECT * FROM old_{name}")
    lanes_afresh()
    for one in (tenant, other_tenant):
        with tenant_scope(one):
            admit()
    sequence.drain()
    assert reason(tenant, superuser) == "pin"
    assert reason(other_tenant, superuser) is None
    assert len(log(other_tenant)) == 2


@pytest.mark.parametrize("pin", ["lost", "forged", "forked"])
def test_a_pin_that_is_lost_forged_or_forked_stops_its_tenant(tenant, superuser, pin):
    admit()
    sequence.drain()
    path = pins().folder / str(tenant)
    if pin == "lost":
        path.unlink()
    elif pin == "forged":
        path.write_text(path.read_text().replace("at 1", "at 2"))
    else:
        from audit.notes import Checkpoint
        from audit.origin import log_signer, origin

        path.write_text(log_signer().sign(Checkpoint(origin(tenant), 1, os.urandom(32)).text()))
    admit()
    sequence.drain()
    assert reason(tenant, superuser) == "pin"


# --- the order of things ---


def test_one_tenants_flood_does_not_keep_another_waiting(tenant, other_tenant, monkeypatch):
    monkeypatch.setattr(rounds, "BATCH", 20)
    admit(200)
    with tenant_scope(other_tenant):
        event = admit()
    sequence.run_once()
    assert [one for one, _ in log(other_tenant)] == [event.id]
    assert len(log(tenant)) == 10
    sequence.drain()
    assert len(log(tenant)) == 200


def test_a_round_that_took_a_tenants_whole_share_says_that_more_may_wait(tenant, monkeypatch):
    monkeypatch.setattr(rounds, "BATCH", 4)
    admit(5)
    assert (sequence.run_once(), sequence.more()) == (4, True)
    assert (sequence.run_once(), sequence.more()) == (1, False)
    assert (sequence.run_once(), sequence.more()) == (0, False)


def test_an_idle_leader_writes_nothing_until_its_lease_is_half_over(tenant, superuser):
    def lease():
        return superuser.execute("SELECT xmin, until > clock_timestamp() FROM audit_lease").fetchone()

    admit()
    sequence.drain()
    held = lease()
    sequence.run_once()
    assert lease() == held
    sequence._sequencer._leads_until = time.monotonic()
    sequence.run_once()
    assert lease()[0] != held[0]
    assert lease()[1]


def test_a_tenant_stopped_between_look_and_lease_is_left_alone(tenant, superuser, monkeypatch):
    admit()
    looked = rounds.Sequencer._tenants

    def stopped_meanwhile(self):
        found = looked(self)
        with connections["sequencer"].cursor() as cursor:
            rounds.Rows(cursor).quarantine(tenant, "pin")
        return found

    monkeypatch.setattr(rounds.Sequencer, "_tenants", stopped_meanwhile)
    sequence.run_once()
    assert log(tenant) == []


def test_many_tenants_logs_grow_in_one_round(ledger, superuser):
    tenants = [new_tenant() for _ in range(5)]
    for at, each in enumerate(tenants):
        with tenant_scope(each):
            admit(at + 1)
    for _ in range(2):  # their first heads, and heads that move
        assert sequence.run_once() == 15
        assert [reason(each, superuser) for each in tenants] == [None] * 5
        for at, each in enumerate(tenants):
            with tenant_scope(each):
                admit(at + 1)
    assert [len(log(each)) for each in tenants] == [2, 4, 6, 8, 10]
    for each in tenants:
        with tenant_scope(each), tenant_transaction():
            head = Head.objects.get()
        assert own_checkpoint(head.note, each).size == head.size == pins().read(each).size


def test_only_the_holder_of_the_lease_sequences(tenant):
    first, second = rounds.Sequencer(), rounds.Sequencer()
    sequence._sequencer.resign()
    first.round()
    admit()
    assert second.round() == 0
    first.resign()
    assert second.round() == 1
    second.resign()


def test_writes_are_refused_when_the_outbox_is_not_drained(tenant, tamper):
    admit()
    tamper("UPDATE audit_outbox SET written_at = written_at - interval '301 s' WHERE tenant_id = %s", tenant)
    with pytest.raises(Unavailable):
        admit()
    tamper("DELETE FROM audit_outbox WHERE tenant_id = %s", tenant)


@pytest.mark.parametrize("off", [timedelta(days=3), timedelta(days=-3)])
def test_a_writer_whose_clock_is_wrong_neither_is_refused_nor_has_others_refused(tenant, off):
    admit()
    with frozen(now() + off):
        admit()
    admit()


def test_a_heartbeat_closes_an_open_lane_within_five_seconds(tenant):
    admit()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with tenant_transaction():
            if Outbox.objects.count() == 2:
                break
        time.sleep(0.1)
    sequence.drain()
    with tenant_transaction():
        assert [lane.closed for lane in Lane.objects.all()] == [True]
    assert len(log(tenant)) == 1


def test_a_forked_child_begins_lanes_of_its_own(tenant, superuser):
    admit()
    before = pool.borrow(tenant)
    pool.give_back(before)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"same" if pool.borrow(tenant).id == before.id else b"own")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 10) == b"own"


def test_the_log_grows_over_tiles_and_stays_consistent(tenant, superuser):
    for _ in range(3):
        admit(130)
        sequence.drain()
    assert reason(tenant, superuser) is None
    assert pins().read(tenant).size == 390


def test_a_killed_writer_leaves_no_gap(tenant, superuser):
    """SIGKILL at a random moment: what committed is sequenced, and nothing is taken for tampering."""
    script = (
        "import django; django.setup()\n"
        "from uuid import UUID\n"
        "from foundation.kernel.scope import tenant_scope\n"
        "from tests.audit.build import admit\n"
        f"with tenant_scope(UUID('{tenant}')):\n"
        "    print('ready', flush=True)\n"
        "    while True: admit(2)\n"
    )
    for pause in (0.2, 0.35):
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=_environment())
        assert child.stdout.readline() == b"ready\n"
        time.sleep(pause)
        child.send_signal(signal.SIGKILL)
        child.wait()
        sequence.drain()
    assert reason(tenant, superuser) is None
    assert len(log(tenant)) > 0
    assert len(log(tenant)) % 2 == 0


def _environment():
    return os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}

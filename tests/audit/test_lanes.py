"""Lanes as their process keeps them."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from audit import lanes
from audit.lanes import Lane, Pool, Row, first_chain, next_chain, row_mac, state_mac


def row(**changes):
    at = datetime(2026, 11, 22, 10, 25, 17, 123456, UTC)
    return replace(Row(uuid4(), 1, uuid4(), uuid4(), b"entry", b"detail", None, (uuid4(),), at), **changes)


def test_every_field_is_under_the_digest_or_the_mac():
    one = row()
    changed = [
        {"lane": uuid4()},
        {"n": 2},
        {"tenant": uuid4()},
        {"id": uuid4()},
        {"entry": b"Entry"},
        {"detail": None},
        {"detail": b""},
        {"query": b""},
        {"touched": ()},
        {"written_at": one.written_at + timedelta(microseconds=1)},
    ]
    assert {name for change in changed for name in change} == set(Row.__slots__)
    genuine = row_mac(b"k" * 32, one, one.digest(), bytes(32))
    for change in changed:
        other = replace(one, **change)
        assert row_mac(b"k" * 32, other, other.digest(), bytes(32)) != genuine, change
    assert row_mac(b"k" * 32, one, one.digest(), b"\1" * 32) != genuine
    assert row_mac(b"K" * 32, one, one.digest(), bytes(32)) != genuine


def test_bytes_do_not_move_from_one_field_to_the_next():
    assert row(entry=b"ab", detail=b"c").digest() != row(entry=b"a", detail=b"bc").digest()


def test_the_chain_depends_on_all_that_came_before():
    first, second = row(), row(n=2)
    chain = next_chain(first_chain(first.lane, first.tenant), 1, first.digest())
    assert next_chain(chain, 2, second.digest()) != next_chain(bytes(32), 2, second.digest())
    assert first_chain(first.lane, first.tenant) != first_chain(first.lane, uuid4())


def test_a_lanes_state_is_authenticated_in_every_part():
    key, lane, tenant = b"k" * 32, uuid4(), uuid4()
    genuine = state_mac(key, lane, tenant, 1, bytes(32), True)
    for other in (
        (uuid4(), tenant, 1, bytes(32), True),
        (lane, uuid4(), 1, bytes(32), True),
        (lane, tenant, 2, bytes(32), True),
        (lane, tenant, 1, b"\1" * 32, True),
        (lane, tenant, 1, bytes(32), False),
    ):
        assert state_mac(key, *other) != genuine


def test_a_lent_lane_is_lent_to_nobody_else_and_the_last_used_comes_first():
    pool, tenant = Pool(), uuid4()
    first, second = pool.borrow(tenant), pool.borrow(tenant)
    assert first.id != second.id
    pool.give_back(first)
    pool.give_back(second)
    assert pool.borrow(tenant) is second
    assert pool.borrow(uuid4()) not in (first, second)


def test_a_lane_unused_for_long_is_let_go(monkeypatch):
    pool, tenant = Pool(), uuid4()
    lane = pool.borrow(tenant)
    lane.used = time.monotonic() - lanes.IDLE - 1
    pool.give_back(lane)
    assert pool.borrow(tenant) is not lane


def test_only_open_lanes_that_lie_quiet_are_taken_for_their_heartbeat():
    pool, tenant = Pool(), uuid4()
    quiet, fresh, closed = (Lane(tenant) for _ in range(3))
    quiet.advance(1, bytes(32), open=True)
    fresh.advance(1, bytes(32), open=True)
    closed.advance(1, bytes(32), open=False)
    quiet.used -= 3
    closed.used -= 3
    for lane in (quiet, fresh, closed):
        pool.give_back(lane)
    assert pool.take_open(2.0) == [quiet]
    assert pool.any_open()
    assert {pool.borrow(tenant).id for _ in range(2)} == {fresh.id, closed.id}


@pytest.mark.usefixtures("ledger")
def test_lanes_left_open_are_counted(tenant, tamper):
    from audit.lanes import pool
    from audit.selectors import state
    from audit.services import sequence
    from foundation.kernel.scope import tenant_transaction
    from tests.audit.build import admit

    admit()
    pool.take_open(0.0)  # the process is killed: its lane gets no heartbeat
    sequence.drain()
    for seconds, count in ((0, 0), (31, 1)):
        tamper(
            "UPDATE audit_lane SET seen_at = now() - make_interval(secs => %s) WHERE tenant_id = %s", seconds, tenant
        )
        with tenant_transaction():
            assert (state().open_lanes, state().size, state().waiting, state().quarantine) == (count, 1, 0, None)

"""One effect for one key: repeated, changed, at once, overtaken, broken off."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError, connections

from foundation.kernel import clock
from foundation.kernel.models import WorkItem
from foundation.kernel.outbox import run_items
from foundation.kernel.problems import Erased, InProgress
from foundation.kernel.scope import tenant_scope, tenant_transaction
from foundation.keyring import keys
from foundation.rest import idempotency
from foundation.rest.models import IdempotencyKey
from tests.foundation.rest import probe
from tests.foundation.rest.probe import made, make

BODY = {"name": "x", "text": "Ana prefers the aisle seat"}


def kept():
    with tenant_transaction():
        return made().count()


def rows():
    with tenant_transaction():
        return list(IdempotencyKey.objects.all())


def send(caller, key="k-1", body=None, path="/v1/things"):
    return caller.post(path, body or BODY, Idempotency_Key=key)


def test_a_repeated_request_has_one_effect_and_the_same_answer(caller):
    first, second = send(caller), send(caller)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert kept() == 1


def test_without_a_key_every_request_has_its_effect(caller):
    assert {caller.post("/v1/things", BODY).status_code for _ in range(2)} == {201}
    assert kept() == 2


def test_another_body_is_a_mismatch(caller):
    send(caller)
    response = send(caller, body={"name": "y"})
    assert (response.status_code, response.json()["type"]) == (422, "/problems/idempotency-mismatch")
    assert kept() == 1


def test_a_key_is_one_tenants_one_principals_and_one_routes(caller, neighbour, monkeypatch):
    assert send(caller).status_code == 201
    assert send(neighbour).status_code == 201
    monkeypatch.setattr(probe.Fragile, "post", probe.Things.post)
    assert "Idempotency-Replayed" not in send(caller, path="/v1/fragile")
    assert kept() == 2


@pytest.mark.parametrize("key", ["", "é", "a b", "x" * 256])
def test_a_key_of_another_form_is_malformed(caller, key):
    assert send(caller, key=key).status_code == 400
    assert kept() == 0


def test_a_replay_is_authorised_anew(caller, reader):
    send(caller)
    assert send(reader).status_code == 403


def test_a_replay_of_what_was_erased_is_gone(caller):
    made_id = probe.UUID(send(caller).json()["id"])
    probe.erased.add(made_id)
    response = send(caller)
    assert (response.status_code, response.json()["type"]) == (410, "/problems/erased")
    assert kept() == 1


def test_a_request_that_only_reads_takes_no_key(caller):
    answers = [send(caller, path="/v1/things:ask").json() for _ in range(2)]
    assert answers[0] != answers[1]
    assert rows() == []


def test_a_refused_request_leaves_its_key_free(caller):
    assert send(caller, body={"name": 5}).status_code == 422
    assert rows() == []
    assert send(caller).status_code == 201


def test_what_fails_inside_its_transaction_leaves_nothing(caller):
    assert send(caller, path="/v1/fragile").status_code == 500
    assert (kept(), rows()) == (0, [])


def test_what_fails_after_its_commit_is_done_and_replayed(caller, monkeypatch):
    monkeypatch.setattr(probe.Fragile, "breaks", "after")
    assert send(caller, path="/v1/fragile").status_code == 500
    assert kept() == 1
    assert send(caller, path="/v1/fragile").status_code == 201
    assert kept() == 1


def test_many_at_once_have_one_effect(tenant, caller):
    from tests.foundation.rest.conftest import Caller

    start, told = threading.Barrier(6), []

    def go():
        mine = Caller(tenant)
        start.wait()
        told.append(send(mine).status_code)
        connections.close_all()

    threads = [threading.Thread(target=go) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert kept() == 1
    assert set(told) <= {201, 409}
    assert 201 in told


def asked(tenant, body=b"{}", key="k-1"):
    principal = probe.Principal(probe.UUID(int=7), tenant, probe.PrincipalKind.SERVICE, probe.Role.ADMIN)
    return idempotency.Asked(principal, "POST", "v1/things", "/v1/things", key, body)


def test_a_second_request_meanwhile_is_told_so(tenant):
    idempotency.begin(asked(tenant))
    with pytest.raises(InProgress) as told:
        idempotency.begin(asked(tenant))
    assert told.value.retry_after


def test_a_key_that_is_given_back_just_then_is_leased(tenant, monkeypatch):
    """Between meeting another's lease and looking at it, the other may give it back."""
    held, found = idempotency.begin(asked(tenant)), idempotency._found

    def late(*arguments):
        monkeypatch.setattr(idempotency, "_found", found)
        idempotency.execute(idempotency._GIVE_BACK, [tenant, held.scope, held.token])
        return found(*arguments)

    monkeypatch.setattr(idempotency, "_found", late)
    begun = idempotency.begin(asked(tenant))
    assert isinstance(begun, idempotency.Attempt)
    assert [row.token for row in rows()] == [begun.token]


def test_a_key_that_keeps_coming_and_going_is_in_progress(tenant, monkeypatch):
    idempotency.begin(asked(tenant))
    monkeypatch.setattr(idempotency, "_found", lambda *_: None)
    with pytest.raises(InProgress):
        idempotency.begin(asked(tenant))


def test_a_lease_is_taken_by_one_statement_and_owes_its_days_forgetting_once(tenant):
    texts = []

    def watch(execute, sql, params, many, context):
        texts.append(sql)
        return execute(sql, params, many, context)

    idempotency.begin(asked(tenant))
    with connections["default"].execute_wrapper(watch):
        idempotency.begin(asked(tenant, key="k-2"))
    assert len(texts) == 1
    with tenant_transaction():
        assert WorkItem.objects.filter(kind=idempotency.FORGET).count() == 1


def test_a_key_taken_over_on_a_day_of_its_own_owes_that_days_forgetting(tenant):
    idempotency.begin(asked(tenant))
    with clock.frozen(clock.now() + timedelta(days=3)):
        idempotency.begin(asked(tenant))
    with tenant_transaction():
        days = {item.ref["day"] for item in WorkItem.objects.filter(kind=idempotency.FORGET)}
    assert len(days) == 2
    assert rows()[0].day.isoformat() == max(days)


def test_a_crash_locks_a_key_for_a_lease_and_no_longer(tenant):
    idempotency.begin(asked(tenant))  # and the process dies
    with clock.frozen(clock.now() + idempotency.LEASE - timedelta(seconds=1)), pytest.raises(InProgress):
        idempotency.begin(asked(tenant))
    with clock.frozen(clock.now() + idempotency.LEASE + timedelta(seconds=1)):
        assert isinstance(idempotency.begin(asked(tenant)), idempotency.Attempt)


def test_a_crash_under_a_clock_that_was_ahead_locks_a_key_no_longer(tenant):
    with clock.frozen(clock.now() + timedelta(hours=2)):
        idempotency.begin(asked(tenant))  # and the process dies
    assert isinstance(idempotency.begin(asked(tenant)), idempotency.Attempt)


def test_a_key_is_free_again_once_the_database_is_back(tenant, other_tenant, monkeypatch):
    """What was asked while the database went away is not refused for a lease."""
    held = idempotency.begin(asked(tenant))

    def away(*_):
        raise OperationalError

    with monkeypatch.context() as broken, pytest.raises(RuntimeError, match="its own"), idempotency.attempt(held):
        broken.setattr(idempotency, "execute", away)
        raise RuntimeError("its own")
    assert len(rows()) == 1
    with tenant_scope(other_tenant):
        idempotency.begin(asked(other_tenant))
    assert isinstance(idempotency.begin(asked(tenant)), idempotency.Attempt)
    assert not idempotency._owed


def test_an_attempt_that_was_overtaken_undoes_its_change(tenant):
    slow = idempotency.begin(asked(tenant))
    with clock.frozen(clock.now() + idempotency.LEASE + timedelta(seconds=1)):
        fast = idempotency.begin(asked(tenant))
    with pytest.raises(InProgress), idempotency.attempt(slow):
        make()
    assert kept() == 0
    with idempotency.attempt(fast):
        make()
    assert kept() == 1
    assert isinstance(idempotency.begin(asked(tenant)), idempotency.Done)


def test_an_attempt_that_was_overtaken_does_not_free_the_key(tenant):
    slow = idempotency.begin(asked(tenant))
    with clock.frozen(clock.now() + idempotency.LEASE + timedelta(seconds=1)):
        idempotency.begin(asked(tenant))
    with idempotency.attempt(slow):
        pass
    assert len(rows()) == 1


def test_a_key_lives_a_day(tenant, caller):
    send(caller)
    with clock.frozen(clock.now() + timedelta(hours=23, minutes=59)):
        assert send(caller).status_code == 201
        assert kept() == 1
    with clock.frozen(clock.now() + timedelta(hours=24, seconds=1)):
        assert send(caller, body={"name": "other"}).status_code == 201
        assert kept() == 2


def test_a_batch_is_told_item_by_item(tenant):
    ids = [probe.uuid7(), probe.uuid7()]
    with idempotency.attempt(idempotency.begin(asked(tenant))), tenant_transaction():
        idempotency.complete(ids, 207, statuses=[201, 202])
    assert idempotency.begin(asked(tenant)) == idempotency.Done(207, tuple(ids), (201, 202))


def test_neither_key_nor_body_is_kept(caller, superuser):
    send(caller, key="order-of-Ana-Diaz")
    found = str(superuser.execute("SELECT t::text FROM rest_idempotencykey t").fetchall())
    assert kept() == 1
    assert bytes(rows()[0].scope).hex() in found
    for text in ("order-of-Ana-Diaz", "aisle"):
        assert text not in found
        assert text.encode().hex() not in found


def test_the_days_key_dies_with_what_it_hashed(caller, tenant):
    send(caller)
    day = rows()[0].day.isoformat()
    with tenant_transaction():
        owed = WorkItem.objects.get(kind=idempotency.FORGET)
    assert owed.ref == {"day": day}
    assert owed.due.date() == rows()[0].day + timedelta(days=2)
    run_items(tenant, idempotency.FORGET, [owed.id])
    assert rows() == []
    with tenant_scope(tenant), pytest.raises(Erased):
        keys.named("idempotency-day", day)


def test_a_view_may_say_the_status_of_a_replay(caller, monkeypatch):
    send(caller)
    monkeypatch.setattr(probe.Things, "replay", lambda self, request, done: probe.Response({}, status=207))
    assert send(caller).status_code == 207

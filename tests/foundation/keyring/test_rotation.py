"""Forgetting keys: the doomed open for nobody, with whatever copies; survivors open for ever; evidence claims no more."""

import logging
from datetime import timedelta
from uuid import uuid4

import pytest

from foundation.kernel import clock
from foundation.kernel.problems import Unavailable
from foundation.kernel.scope import current_tenant, tenant_scope, tenant_transaction
from foundation.keyring import keys, rotation, turning, wrapping
from foundation.keyring.kms import Assurance, kms
from tests.foundation.keyring.build import (
    adversary,
    at_steps,
    in_shard,
    in_thread,
    made,
    opened_anew,
    stored,
)


def split(secrets, doomed):
    ids = list(secrets)
    return ids[:doomed], {id_: secrets[id_] for id_ in ids[doomed:]}


def test_the_doomed_are_gone_and_the_survivors_open(tenant):
    doomed, survivors = split(made(10), 3)
    destruction = keys.destroy(doomed)
    assert opened_anew([*doomed, *survivors]) == survivors
    assert destruction.destroyed == set(doomed)
    assert destruction.unknown == set()


def test_the_evidence_names_what_was_seen(tenant):
    doomed, _ = split(made(10), 3)
    before = clock.now()
    (shard,) = (destruction := keys.destroy(doomed)).shards
    assert (shard.shard, shard.old_epoch, shard.new_epoch, shard.survivors) == (0, 1, 2, 7)
    assert before <= shard.destroyed_at <= clock.now()
    assert (shard.assurance, destruction.assurance) == (Assurance.A2, Assurance.A2)
    assert destruction.caches_end_at == shard.destroyed_at + timedelta(seconds=20)
    assert kms().epochs(tenant, 0) == {2}


def test_one_rotation_serves_all_that_is_asked(tenant):
    doomed = [*split(made(6), 3)[0], *split(made(6), 2)[0], *split(made(4, shard=5), 1)[0]]
    bystanders = made(3, shard=9)
    destruction = keys.destroy(doomed)
    assert [(shard.shard, shard.new_epoch, shard.survivors) for shard in destruction.shards] == [(0, 2, 7), (5, 2, 3)]
    assert kms().epochs(tenant, 9) == {1}
    assert opened_anew(bystanders) == bystanders


def test_asked_again_it_gives_the_same_evidence_and_rotates_nothing(tenant):
    doomed, survivors = split(made(4), 2)
    first = keys.destroy(doomed)
    assert keys.destroy(doomed) == first
    assert kms().epochs(tenant, 0) == {2}
    assert opened_anew(survivors) == survivors


def test_later_rotations_leave_the_evidence_of_earlier_ones(tenant):
    secrets = made(6)
    ids = list(secrets)
    first, second = keys.destroy(ids[:2]), keys.destroy(ids[2:4])
    assert keys.destroy(ids[:2]) == first
    assert [shard.new_epoch for shard in keys.destroy(ids[:4]).shards] == [2, 3]
    assert second.shards[0].old_epoch == 2
    assert opened_anew(ids) == {id_: secrets[id_] for id_ in ids[4:]}


def test_of_nothing_nothing_is_claimed(tenant):
    stranger = uuid4()
    for ids in ([], [stranger]):
        destruction = keys.destroy(ids)
        assert (destruction.assurance, destruction.shards, destruction.caches_end_at) == (Assurance.A0, (), None)
        assert destruction.unknown == set(ids)


def test_another_tenants_keys_are_unknown_and_stay(tenant, other_tenant):
    secrets = made(2)
    with tenant_scope(other_tenant):
        made(1)
        assert keys.destroy(secrets).unknown == set(secrets)
    assert opened_anew(secrets) == secrets


def test_keys_are_not_destroyed_inside_a_transaction(tenant):
    secrets = made(1)
    with tenant_transaction(), pytest.raises(RuntimeError):
        keys.destroy(secrets)
    assert opened_anew(secrets) == secrets


def test_with_every_old_row_and_all_that_lives_in_the_kms_nothing_doomed_opens(tenant, kms_folder, keyring_superuser):
    doomed, survivors = split(made(20), 5)
    bystanders = made(5, shard=4)
    copies = stored(keyring_superuser)
    assert adversary(copies, kms_folder) == opened_anew([row.id for row in copies]), "the adversary is no good"
    keys.destroy(doomed)
    copies += stored(keyring_superuser)  # the copies made since, too
    opened = adversary(copies, kms_folder)
    assert set(opened) & set(doomed) == set()
    assert opened == survivors | bystanders
    old = [row for row in copies if row.epoch == 1]
    assert set(adversary(old, kms_folder)) == set(bystanders), "old wraps of the shard are dead, its survivors' too"


def test_a_chain_of_rotations_leaves_no_older_wrap_alive(tenant, kms_folder, keyring_superuser):
    secrets, copies = made(12), []
    for doomed in list(secrets)[:4]:
        copies += stored(keyring_superuser)
        keys.destroy([doomed])
    assert adversary(copies, kms_folder) == {}
    assert adversary(stored(keyring_superuser), kms_folder) == dict(list(secrets.items())[4:])


def test_a_rotation_without_doomed_loses_nothing(tenant, kms_folder, keyring_superuser):
    secrets, copies = made(5), stored(keyring_superuser)
    rotation.rotate([0])
    assert opened_anew(secrets) == secrets
    assert adversary(copies, kms_folder) == {}


def test_more_survivors_than_one_batch_are_carried_over(tenant, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 7)
    doomed, survivors = split(made(50), 2)
    assert keys.destroy(doomed).shards[0].survivors == 48
    assert opened_anew(survivors) == survivors


def test_a_key_made_at_any_step_of_a_rotation_is_not_lost(tenant):
    subject, born = in_shard(0), {}
    doomed, survivors = split(made(5), 1)

    def make(step):
        if step.startswith("rotation."):
            key = in_thread(lambda: keys.create("version", subjects=[subject]))()
            born[key.id] = key.secret

    with at_steps(make):
        assert keys.destroy(doomed).assurance == Assurance.A2
    assert len(born) >= 6
    assert opened_anew([*born, *survivors]) == born | survivors
    assert kms().epochs(tenant, 0) == {2}


def test_a_key_opens_at_any_step_of_a_rotation(tenant):
    doomed, survivors = split(made(5), 1)

    def read(step):
        if step.startswith("rotation."):
            keys.opened.clear()
            assert in_thread(lambda: opened_anew(survivors))() == survivors, step

    with at_steps(read):
        keys.destroy(doomed)


def test_a_row_read_before_a_rotation_and_unwrapped_after_it_is_read_again(tenant, monkeypatch):
    from foundation.keyring import rows

    doomed, survivors = split(made(4), 1)
    read, turned = rows.keys, []

    def keys_then_rotation(ids, *using):
        found = read(ids, *using)
        if not turned:
            turned.append(True)
            in_thread(lambda: rotation.destroy(doomed))()
        return found

    monkeypatch.setattr(rows, "keys", keys_then_rotation)
    assert opened_anew(survivors) == survivors
    assert turned


def test_a_writer_that_was_first_is_waited_for_and_its_key_carried_over(tenant):
    """The share lock: a key inserted but not committed under the old epoch must not be left behind."""
    from threading import Event

    from django.db import connections

    from foundation.keyring import rows, wrapping

    doomed, survivors = split(made(3), 1)
    id_, secret, inserted, go = uuid4(), b"s" * 32, Event(), Event()
    row = wrapping.wrap([rows.Row(id_, 0, "version", 0, (), b"")], {id_: secret})

    def slow_writer():
        with tenant_transaction("keyring"):
            rows.insert(row)  # joins this transaction
            inserted.set()
            go.wait(30)

    writer = in_thread(slow_writer)
    inserted.wait(30)
    rotator = in_thread(lambda: keys.destroy(doomed))
    with connections["keyring_eraser"].cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.3)")
    assert 1 in kms().epochs(tenant, 0), "the rotation did not wait"
    go.set()
    writer()
    assert rotator().shards[0].survivors == 3
    assert opened_anew([id_, *survivors]) == {id_: secret} | survivors


def test_rotations_of_one_shard_at_once_all_end_at_a2_and_lose_nothing(tenant, kms_folder, keyring_superuser):
    secrets = made(60)
    ids, copies = list(secrets), stored(keyring_superuser)
    asked = [in_thread(lambda mine=ids[at : at + 3]: keys.destroy(mine)) for at in (0, 3, 6, 9)]
    born = [in_thread(lambda: made(1)) for _ in range(8)]
    assert {ask().assurance for ask in asked} == {Assurance.A2}
    new = {id_: key for each in born for id_, key in each().items()}
    rest = {id_: secrets[id_] for id_ in ids[12:]}
    assert opened_anew([*ids, *new]) == rest | new
    assert adversary(copies, kms_folder) == {}
    rotation.recover(timedelta(0))
    assert turning.unfinished() == []
    assert opened_anew([*rest, *new]) == rest | new


def test_a_survivor_that_does_not_open_stops_the_rotation_and_is_named(tenant, keyring_superuser, caplog):
    doomed, survivors = split(made(5), 1)
    broken = next(iter(survivors))
    keyring_superuser.execute(
        "UPDATE keyring_key SET wrapped = decode(repeat('00', 61), 'hex') WHERE id = %s", [broken]
    )
    with caplog.at_level(logging.WARNING):
        destruction = keys.destroy(doomed)
    assert (destruction.assurance, destruction.caches_end_at) == (Assurance.A1, None)
    assert str(broken) in caplog.text
    assert 1 in kms().epochs(tenant, 0), "the key that may still open its back-up was destroyed"
    assert keys.destroy([broken]).assurance == Assurance.A2
    assert keys.destroy(doomed).assurance == Assurance.A2
    del survivors[broken]
    assert opened_anew(survivors) == survivors


def test_a_forgotten_row_that_a_restore_brings_back_does_not_open_nor_stop_the_next_rotation(tenant, keyring_superuser):
    doomed, survivors = split(made(5), 1)
    (copy,) = [row for row in stored(keyring_superuser) if row.id == doomed[0]]
    keys.destroy(doomed)
    keyring_superuser.execute(
        "INSERT INTO keyring_key (tenant_id, id, shard, purpose, epoch, subjects, wrapped, created_at, confirmed) "
        "VALUES (%s, %s, 0, 'version', 1, %s, %s, now(), true)",
        [tenant, copy.id, list(copy.subjects), copy.wrapped],
    )
    assert opened_anew([*doomed, *survivors]) == survivors
    (other, *rest) = survivors
    assert keys.destroy([other]).assurance == Assurance.A2
    assert opened_anew([*doomed, *survivors]) == {id_: survivors[id_] for id_ in rest}


def test_an_intent_that_others_overtook_begins_anew(tenant):
    doomed, survivors = split(made(4), 1)
    undone = []

    def recover_once(step):
        if step == "rotation.created" and not undone:
            undone.append(in_thread(lambda: rotation.recover(timedelta(0)))())

    with at_steps(recover_once):
        assert keys.destroy(doomed).shards[0].new_epoch == 3
    assert opened_anew([*doomed, *survivors]) == survivors
    assert kms().epochs(tenant, 0) == {3}


def test_a_slower_intent_never_turns_a_shard_back(tenant):
    secrets = made(5)
    mine, theirs, *_ = secrets
    overtaken = []

    def overtake(step):
        if step == "rotation.created" and not overtaken:
            overtaken.append(True)
            in_thread(lambda: rotation.destroy([theirs]))()

    with at_steps(overtake):
        assert keys.destroy([mine]).shards[0].new_epoch == 4, "2 was overtaken by 3"
    assert kms().epochs(tenant, 0) == {4}
    assert opened_anew(secrets) == {id_: secrets[id_] for id_ in secrets if id_ not in (mine, theirs)}


def turned_to_next() -> int:
    targets = turning.intend([0])
    kms().create_epoch(current_tenant(), 0, targets[0])
    turning.turn(targets, [])
    return targets[0]


def test_the_end_of_one_rotation_spares_the_epoch_another_is_about_to_turn_to(tenant):
    doomed, survivors = split(made(4), 1)
    targets = {}

    def intend(step):
        if step == "rotation.rewrapped" and not targets:
            targets.update(turning.intend([0]))
            kms().create_epoch(tenant, 0, targets[0])

    with at_steps(intend):
        assert keys.destroy(doomed).assurance == Assurance.A2
    assert kms().epochs(tenant, 0) == {2, 3}
    turning.turn(targets, [])
    rotation.finish(0)
    assert opened_anew(survivors) == survivors
    assert kms().epochs(tenant, 0) == {3}


def test_a_key_that_another_rotator_moves_meanwhile_is_not_left_on_the_way(tenant, monkeypatch):
    """The other one had begun when its epoch was the newest: it moves 1 to 2 and destroys 1, while 3 is current."""
    secrets = made(4)
    assert [turned_to_next(), turned_to_next()] == [2, 3]
    read, moved = turning.left_behind, []

    def left_behind_then_moved(*of):
        found = read(*of)
        if not moved:
            moved.append(True)
            carried, wrapped, _ = wrapping.carry(found, 2)
            turning.move(carried, 2, wrapped)
            kms().destroy_epoch(tenant, 0, 1)
        return found

    monkeypatch.setattr(turning, "left_behind", left_behind_then_moved)
    rotation.finish(0)
    assert kms().epochs(tenant, 0) == {3}
    assert opened_anew(secrets) == secrets


def test_recovery_spares_a_young_intent(tenant):
    made(1)
    (epoch,) = turning.intend([0]).values()
    kms().create_epoch(tenant, 0, epoch)
    rotation.recover()
    assert kms().epochs(tenant, 0) == {1, 2}
    with clock.frozen(clock.now() + timedelta(seconds=61)):
        rotation.recover()
    assert kms().epochs(tenant, 0) == {1}
    assert turning.unfinished() == []


def test_a_shard_nobody_can_turn_is_an_outage(tenant, monkeypatch):
    secrets = made(2)

    def overtaken(*_):
        raise turning.Overtaken

    monkeypatch.setattr(turning, "turn", overtaken)
    with pytest.raises(Unavailable):
        keys.destroy(secrets)
    assert opened_anew(secrets) == secrets
    assert kms().epochs(tenant, 0) == {1}


HOURS = timedelta(hours=1, seconds=1)
AT_ONCE = timedelta(0)


def test_a_key_without_a_record_is_swept_once_it_is_old_enough(tenant):
    orphan, kept = keys.create("version"), keys.create("version")
    assert timedelta(hours=1) <= rotation.ORPHAN_AGE
    assert rotation.sweep(lambda ids: {kept.id}) == 0, "too young"
    assert rotation.sweep(lambda ids: {kept.id}, age=AT_ONCE) == 1
    assert opened_anew([orphan.id, kept.id]) == {kept.id: kept.secret}


def test_a_wrong_clock_makes_no_young_key_an_old_one(tenant):
    """Else the sweep would take the key of an admission that has not committed yet, and with it what is remembered."""
    with clock.frozen(clock.now() - HOURS):
        under_way = keys.create("version")
    with clock.frozen(clock.now() + HOURS):
        assert rotation.sweep(lambda ids: set()) == 0
    assert opened_anew([under_way.id])


def test_a_key_seen_once_is_not_asked_about_again(tenant):
    kept, asked = keys.create("version"), []
    rotation.sweep(lambda ids: asked.extend(ids) or ids, age=AT_ONCE)
    rotation.sweep(lambda ids: asked.extend(ids) or set(), age=AT_ONCE)
    assert asked == [kept.id]
    assert opened_anew([kept.id])


def test_named_keys_and_other_purposes_are_not_swept(tenant):
    subject = keys.create("subject")
    keys.named("integrity")
    assert rotation.sweep(lambda ids: set(), age=AT_ONCE) == 0
    assert rotation.sweep(lambda ids: set(), purposes=["subject"], age=AT_ONCE) == 1
    assert opened_anew([subject.id]) == {}


def test_a_sweep_asks_in_batches_and_about_this_tenant_alone(tenant, other_tenant, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 3)
    with tenant_scope(other_tenant):
        theirs = made(2)
    ours, asked = made(8), []
    assert rotation.sweep(lambda ids: asked.append(ids) or theirs, age=AT_ONCE) == 8
    assert [len(batch) for batch in asked] == [3, 3, 2]
    assert {id_ for batch in asked for id_ in batch} == set(ours)
    with tenant_scope(other_tenant):
        assert opened_anew(theirs) == theirs

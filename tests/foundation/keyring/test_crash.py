"""A kill between any two steps of a rotation ends, after recovery, in old-complete or new-complete."""

from datetime import timedelta

import pytest

from foundation.kernel.scope import tenant_scope
from foundation.keyring import keys, rotation, turning
from foundation.keyring.kms import Assurance, kms
from tests.conftest import new_tenant
from tests.foundation.keyring.build import adversary, made, opened_anew, stored
from tests.foundation.keyring.killing import killed_at, steps_of

SHARDS = (0, 1)


def prepared():
    secrets = {id_: key for shard in SHARDS for id_, key in made(5, shard=shard).items()}
    ids = list(secrets)
    return secrets, [ids[0], ids[5]], made(2, shard=8)


def rotate_in_batches(doomed):
    rotation.BATCH = 2  # of this process, which is a fork, or of the rehearsal
    rotation.destroy(doomed)


@pytest.fixture(scope="module")
def rehearsed(django_db_setup, tmp_path_factory):
    """Every step of one destruction over two shards, the file's own steps among them, in order."""
    from django.test import override_settings

    with override_settings(KMS=f"file:{tmp_path_factory.mktemp('rehearsal')}"), tenant_scope(new_tenant()):
        _, doomed, _ = prepared()
        batch = rotation.BATCH
        try:
            return steps_of(lambda: rotate_in_batches(doomed))
        finally:
            rotation.BATCH = batch


def test_the_rehearsal_went_through_every_step(rehearsed):
    assert {name for name in rehearsed if name.startswith("rotation.")} == {
        "rotation.intended",
        "rotation.created",
        "rotation.turned",
        "rotation.batch",
        "rotation.rewrapped",
        "rotation.copied",
        "rotation.destroying",
        "rotation.destroyed",
        "rotation.closed",
    }
    assert len(rehearsed) >= 30


def test_after_a_kill_at_any_step_recovery_leaves_all_old_or_all_new(rehearsed, kms_folder, keyring_superuser):
    turned_at = rehearsed.index("rotation.turned")
    for index, name in enumerate(rehearsed):
        with tenant_scope(new_tenant()) as tenant:
            keys.wrapping._hints.clear()
            secrets, doomed, bystanders = prepared()
            copies = stored(keyring_superuser)
            where = f"killed at step {index}, {name}"
            assert killed_at(index, lambda doomed=doomed: rotate_in_batches(doomed)), where
            survivors = {id_: key for id_, key in secrets.items() if id_ not in doomed} | bystanders
            assert opened_anew(survivors) == survivors, f"{where}: before recovery"
            rotation.recover(timedelta(0))
            rotation.recover(timedelta(0))
            assert turning.unfinished() == [], where
            if index < turned_at:
                old_complete(tenant, secrets | bystanders, where)
            else:
                new_complete(tenant, survivors, doomed, where)
                assert set(adversary(copies, kms_folder)) == set(bystanders), where
            asked_again(doomed, survivors, where)
            assert set(adversary(copies, kms_folder)) == set(bystanders), where


def old_complete(tenant, secrets, where):
    assert opened_anew(secrets) == secrets, where
    assert all(kms().epochs(tenant, shard) == {1} for shard in SHARDS), where


def new_complete(tenant, survivors, doomed, where):
    assert opened_anew([*survivors, *doomed]) == survivors, where
    assert all(kms().epochs(tenant, shard) == {2} for shard in SHARDS), where


def asked_again(doomed, survivors, where):
    """The caller, who saw no answer, asks again; and writers go on."""
    destruction = keys.destroy(doomed)
    assert destruction.assurance == Assurance.A2, where
    assert destruction.destroyed == set(doomed), where
    born = made(2) | made(1, shard=1)
    assert opened_anew([*survivors, *doomed, *born]) == survivors | born, where


def test_a_kill_while_an_intent_is_undone_is_undone_again(tenant):
    secrets, doomed, _ = prepared()
    assert killed_at(1, lambda: rotation.destroy(doomed))
    undoing = steps_of_recovery()
    for index in range(undoing):
        killed_at(index, lambda: rotation.recover(timedelta(0)))
    rotation.recover(timedelta(0))
    assert turning.unfinished() == []
    assert all(kms().epochs(tenant, shard) == {1} for shard in SHARDS)
    assert opened_anew(secrets) == secrets


def steps_of_recovery() -> int:
    """More kills than a recovery has steps to be killed at."""
    return 12


def test_a_kill_while_a_key_is_made_leaves_no_half_key(tenant, keyring_superuser):
    names = steps_of(lambda: made(1))
    assert names, "the first key of a shard makes its epoch"
    for index in range(len(names)):
        with tenant_scope(new_tenant()):
            keys.wrapping._hints.clear()
            assert killed_at(index, lambda: made(1))
            assert opened_anew(row.id for row in stored(keyring_superuser)) == {}
            again = made(2)
            assert opened_anew(again) == again

"""A KMS or a keyring that fails: nothing is stored or served without its key, nothing is claimed, nothing is lost."""

from datetime import timedelta

import pytest
from django.db import OperationalError

from foundation.kernel.problems import Erased, Integrity, Problem, Unavailable
from foundation.keyring import keys, rotation, rows, turning
from foundation.keyring.kms import Assurance, kms
from tests.foundation.keyring import faulty
from tests.foundation.keyring.build import adversary, made, opened_anew, stored

OUTAGES = [faulty.timeout, faulty.status_503, faulty.wrong_version]


@pytest.fixture
def keeper(settings, kms_folder) -> faulty.FaultyKms:
    settings.KMS_PROVIDERS = {"faulty": "tests.foundation.keyring.faulty.OtherKeys"}
    settings.KMS = f"faulty:{kms_folder}"
    return kms()


def names(act):
    return act.__name__


@pytest.mark.parametrize("outage", OUTAGES, ids=names)
@pytest.mark.parametrize("verb", ["wrap", "create_epoch"])
def test_without_the_kms_no_key_is_made(tenant, keeper, keyring_superuser, outage, verb):
    keeper.faults[verb] = outage
    with pytest.raises(Unavailable) as refusal:
        keys.create("version")
    assert refusal.value.status == 503
    with pytest.raises(Unavailable):
        keys.named("integrity")
    assert stored(keyring_superuser) == []
    keeper.faults.clear()
    assert opened_anew([keys.create("version").id])


@pytest.mark.parametrize("outage", OUTAGES, ids=names)
def test_without_the_kms_a_key_opens_until_its_cache_ends_and_then_not(tenant, keeper, monkeypatch, outage):
    key, start = keys.create("version"), keys.opened.clock()
    keeper.faults["unwrap"] = outage
    assert keys.open_one(key.id) == key.secret
    monkeypatch.setattr(keys.opened, "clock", lambda: start + 20)
    with pytest.raises(Unavailable):
        keys.open_one(key.id)
    with pytest.raises(Unavailable):
        keys.open_many([key.id])


def test_a_kms_that_lost_its_state_is_an_outage_and_not_an_erasure(tenant, keeper):
    key = keys.create("version")
    keeper.forget()
    keys.opened.clear()
    with pytest.raises(Unavailable):
        keys.open_one(key.id)


def test_a_kms_with_other_keys_opens_nothing(tenant, keeper):
    secrets = made(2)
    keeper.forget()
    keeper.create_epoch(tenant, 0, 1)
    keys.opened.clear()
    with pytest.raises(Integrity):
        keys.open_many(secrets)


def test_a_key_whose_epoch_is_gone_is_erased(tenant, keeper):
    (id_,) = made(1)
    keeper.create_epoch(tenant, 0, 2)
    keeper.destroy_epoch(tenant, 0, 1)
    assert opened_anew([id_]) == {}
    with pytest.raises(Erased):
        keys.open_one(id_)


def test_a_shard_whose_epoch_is_gone_takes_no_keys(tenant, keeper):
    made(1)
    keeper.destroy_epoch(tenant, 0, 1)
    with pytest.raises(Unavailable):
        made(1)


@pytest.mark.parametrize("outage", OUTAGES, ids=names)
def test_a_destruction_that_cannot_begin_deletes_nothing(tenant, keeper, outage):
    secrets = made(4)
    keeper.faults["create_epoch"] = outage
    with pytest.raises(Unavailable):
        keys.destroy(list(secrets)[:1])
    assert opened_anew(secrets) == secrets
    keeper.faults.clear()
    rotation.recover(timedelta(0))
    assert turning.unfinished() == []
    assert keeper.epochs(tenant, 0) == {1}


@pytest.mark.parametrize("outage", OUTAGES, ids=names)
@pytest.mark.parametrize("verb", ["unwrap", "wrap", "destroy_epoch", "epochs"])
def test_a_destruction_that_cannot_end_claims_a1_and_is_completed_later(
    tenant, keeper, kms_folder, keyring_superuser, outage, verb
):
    secrets, copies = made(4), stored(keyring_superuser)
    doomed, *survivors = secrets
    keeper.faults[verb] = outage
    destruction = keys.destroy([doomed])
    (shard,) = destruction.shards
    assert (destruction.assurance, shard.assurance, shard.destroyed_at) == (Assurance.A1, Assurance.A1, None)
    assert destruction.caches_end_at is None
    assert doomed in adversary(copies, kms_folder), "A1 it is: an old copy still opens"
    keeper.faults.clear()
    assert opened_anew(secrets) == {id_: secrets[id_] for id_ in survivors}
    rotation.recover()
    assert keys.destroy([doomed]).assurance == Assurance.A2
    assert adversary(copies, kms_folder) == {}
    assert opened_anew(secrets) == {id_: secrets[id_] for id_ in survivors}


@pytest.mark.parametrize("verb", ["create_epoch", "destroy_epoch"])
def test_a_deed_whose_answer_was_lost_is_done_once(tenant, keeper, verb):
    secrets = made(4)
    doomed, *survivors = secrets
    keeper.late[verb] = faulty.timeout
    if verb == "create_epoch":
        with pytest.raises(Unavailable):
            keys.destroy([doomed])
    else:
        assert keys.destroy([doomed]).assurance == Assurance.A1
    keeper.late.clear()
    rotation.recover(timedelta(0))
    assert keys.destroy([doomed]).assurance == Assurance.A2
    assert opened_anew(secrets) == {id_: secrets[id_] for id_ in survivors}
    assert len(keeper.epochs(tenant, 0)) == 1


def test_a_kms_that_says_destroyed_and_is_not_gets_no_a2(tenant, keeper, monkeypatch):
    doomed, *_ = made(3)
    monkeypatch.setattr(keeper, "destroy_epoch", lambda *_: None, raising=False)
    assert keys.destroy([doomed]).assurance == Assurance.A1
    monkeypatch.undo()
    assert keys.destroy([doomed]).assurance == Assurance.A2


def test_a_kms_whose_destruction_proves_less_gets_no_more(tenant, keeper):
    keeper.assurance = Assurance.A1
    doomed, *_ = made(3)
    destruction = keys.destroy([doomed])
    assert (destruction.assurance, destruction.caches_end_at) == (Assurance.A1, None)


def test_an_outage_in_the_middle_of_the_survivors_loses_none(tenant, keeper, monkeypatch):
    monkeypatch.setattr(rotation, "BATCH", 2)
    secrets = made(9)
    doomed, *survivors = secrets
    wraps = []

    def second_fails():
        wraps.append(1)
        if len(wraps) == 2:
            raise faulty.KmsDown

    keeper.faults["wrap"] = second_fails
    assert keys.destroy([doomed]).assurance == Assurance.A1
    assert keeper.epochs(tenant, 0) == {1, 2}
    assert opened_anew(secrets) == {id_: secrets[id_] for id_ in survivors}
    rotation.recover()
    assert keeper.epochs(tenant, 0) == {2}
    assert opened_anew(secrets) == {id_: secrets[id_] for id_ in survivors}


def test_a_keyring_that_cannot_be_reached_is_an_outage(tenant, keeper, monkeypatch):
    key = keys.create("version")
    keys.opened.clear()

    def unreachable(*_, **__):
        raise OperationalError("server closed the connection: canary")

    monkeypatch.setattr(rows, "tenant_transaction", unreachable)
    for act in (lambda: keys.open_one(key.id), lambda: keys.create("version"), lambda: keys.destroy([key.id])):
        with pytest.raises(Unavailable) as refusal:
            act()
        assert "canary" not in refusal.value.detail


def test_the_faults_are_felt(tenant, keeper):
    """The positive control: without faults the same calls succeed, through the same KMS."""
    key = keys.create("version")
    assert opened_anew([key.id]) == {key.id: key.secret}
    assert keys.destroy([key.id]).assurance == Assurance.A2
    assert {"create_epoch", "wrap", "unwrap", "destroy_epoch", "epochs"} == set(keeper.calls)
    assert issubclass(faulty.KmsDown, Problem)

"""Data keys: durable before they are used, opened for their tenant alone, refused when anything was altered."""

from uuid import uuid4, uuid5

import pytest
from django.db import ProgrammingError, connections

from foundation.kernel.problems import Erased, Integrity
from foundation.kernel.scope import NoTenantInScope, tenant_scope, tenant_transaction
from foundation.keyring import keys
from tests.foundation.keyring.build import in_shard, in_thread, made, opened_anew, stored


def test_a_key_opens_again(tenant):
    key = keys.create("version")
    assert len(key.secret) == 32
    assert opened_anew([key.id]) == {key.id: key.secret}


def test_many_keys_of_many_shards_open_together(tenant):
    new = [keys.NewKey("version") for _ in range(100)]
    secrets = keys.create_many(new)
    assert len(set(secrets.values())) == 100
    assert opened_anew(secrets) == secrets


def test_no_keys_are_made_and_opened_without_asking_anybody(tenant):
    assert keys.create_many([]) == {}
    assert keys.open_many([]) == {}


def test_it_is_in_the_database_when_create_returns(tenant, keyring_superuser):
    key = keys.create("version")
    assert [row.id for row in stored(keyring_superuser)] == [key.id]


def test_the_first_subject_else_the_record_else_the_id_chooses_the_shard(tenant, keyring_superuser):
    subject, record, id_ = in_shard(3), in_shard(5), in_shard(7)
    keys.create("version", id=id_, shard_of=record, subjects=[subject, in_shard(1)])
    assert [row.shard for row in stored(keyring_superuser)] == [3]
    keys.create("version", shard_of=record)
    keys.create("subject", id=id_ if id_ not in {row.id for row in stored(keyring_superuser)} else in_shard(7))
    assert sorted(row.shard for row in stored(keyring_superuser)) == [3, 5, 7]


def test_the_number_of_shards_is_a_setting(tenant, settings, keyring_superuser):
    settings.KEYRING_SHARDS = 2
    keys.create_many([keys.NewKey("version") for _ in range(40)])
    assert {row.shard for row in stored(keyring_superuser)} == {0, 1}


def test_a_key_is_not_made_inside_a_transaction(tenant):
    with tenant_transaction(), pytest.raises(RuntimeError):
        keys.create("version")


def test_a_key_is_not_made_without_a_tenant():
    with pytest.raises(NoTenantInScope):
        keys.create("version")


def test_a_key_can_be_opened_inside_a_transaction(tenant):
    key = keys.create("version")
    with tenant_transaction():
        assert opened_anew([key.id]) == {key.id: key.secret}


def test_a_purpose_that_is_not_in_the_list_is_a_bug(tenant):
    with pytest.raises(ValueError, match="vrsion"):
        keys.create("vrsion")
    with pytest.raises(ValueError, match="vrsion"):
        keys.create_many([keys.NewKey("vrsion")])


def test_an_id_is_given_once(tenant):
    key = keys.create("version")
    with pytest.raises(ValueError, match="exists"):
        keys.create("version", id=key.id)
    assert opened_anew([key.id]) == {key.id: key.secret}


def test_all_keys_are_made_or_none(tenant, keyring_superuser):
    key = keys.create("version")
    with pytest.raises(ValueError, match="exists"):
        keys.create_many([keys.NewKey("version"), keys.NewKey("version", key.id)])
    assert len(stored(keyring_superuser)) == 1


def test_a_key_nobody_made_is_absent_and_alone_it_is_erased(tenant):
    assert keys.open_many([uuid4()]) == {}
    with pytest.raises(Erased):
        keys.open_one(uuid4())


def test_another_tenant_opens_nothing(tenant, other_tenant):
    key = keys.create("version")
    with tenant_scope(other_tenant):
        assert keys.open_many([key.id]) == {}
        assert opened_anew([key.id]) == {}
    assert opened_anew([key.id]) == {key.id: key.secret}


def test_the_secret_is_in_no_representation(tenant):
    key = keys.create("version")
    assert str(key.id) in repr(key)
    assert repr(key.secret)[2:-1] not in repr(key)


def test_one_name_has_one_key(tenant, other_tenant):
    assert keys.named("integrity") == keys.named("integrity")
    assert keys.named("integrity") != keys.named("lookup")
    assert keys.named("query-day", "2026-11-22") != keys.named("query-day", "2026-11-23")
    with tenant_scope(other_tenant):
        theirs = keys.named("integrity")
    assert theirs != keys.named("integrity")


def test_a_name_keeps_its_key(tenant):
    before = keys.named("receipt")
    keys.opened.clear()
    assert keys.named("receipt") == before


def test_a_named_key_is_made_inside_a_transaction_too(tenant):
    with tenant_transaction():
        made_inside = keys.named("receipt")
    keys.opened.clear()
    assert keys.named("receipt") == made_inside


def test_those_who_ask_for_a_name_together_get_one_key(tenant, keyring_superuser):
    asked = [in_thread(lambda: keys.named("index", "1")) for _ in range(6)]
    assert len({ask() for ask in asked}) == 1
    assert [row.id for row in stored(keyring_superuser)] == [uuid5(tenant, "index/1")]


def test_a_destroyed_name_is_not_given_a_second_key(tenant):
    keys.named("query-day", "2026-10-01")
    keys.destroy([uuid5(tenant, "query-day/2026-10-01")])
    with pytest.raises(Erased):
        keys.named("query-day", "2026-10-01")
    assert keys.named("query-day", "2026-10-02")


def test_a_destroyed_id_is_not_given_a_second_key(tenant):
    key = keys.create("version")
    keys.destroy([key.id])
    with pytest.raises(Erased):
        keys.create("version", id=key.id)


ALTERATIONS = {
    "a flipped byte": "wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)",
    "another purpose": "purpose = 'subject'",
    "another subject": "subjects = ARRAY[gen_random_uuid()]",
    "no subject": "subjects = '{}'",
    "one subject more": "subjects = subjects || gen_random_uuid()",
}


@pytest.mark.parametrize("change", ALTERATIONS.values(), ids=ALTERATIONS)
def test_an_altered_row_is_refused(tenant, keyring_superuser, change):
    key = keys.create("version", subjects=[uuid4()])
    assert opened_anew([key.id]) == {key.id: key.secret}
    keyring_superuser.execute(f"UPDATE keyring_key SET {change} WHERE id = %s", [key.id])
    keys.opened.clear()
    with pytest.raises(Integrity):
        keys.open_many([key.id])


def test_a_key_put_in_anothers_place_is_refused(tenant, keyring_superuser):
    one, other = made(2)
    keyring_superuser.execute(
        "UPDATE keyring_key SET wrapped = (SELECT wrapped FROM keyring_key WHERE id = %s) WHERE id = %s", [one, other]
    )
    keys.opened.clear()
    assert keys.open_one(one)
    with pytest.raises(Integrity):
        keys.open_one(other)


def test_a_key_carried_into_another_tenant_is_refused(tenant, other_tenant, keyring_superuser):
    (id_,) = made(1)
    with tenant_scope(other_tenant):
        made(1)
        keyring_superuser.execute("UPDATE keyring_key SET tenant_id = %s WHERE id = %s", [other_tenant, id_])
        keys.opened.clear()
        with pytest.raises(Integrity):
            keys.open_one(id_)


def test_a_deleted_row_is_opened_for_20_seconds_at_most(tenant, keyring_superuser, monkeypatch):
    key = keys.create("version")
    start = keys.opened.clock()
    keyring_superuser.execute("DELETE FROM keyring_key WHERE id = %s", [key.id])
    monkeypatch.setattr(keys.opened, "clock", lambda: start + 18)
    assert keys.open_one(key.id) == key.secret
    monkeypatch.setattr(keys.opened, "clock", lambda: start + 20)
    with pytest.raises(Erased):
        keys.open_one(key.id)


def test_what_is_destroyed_here_is_gone_here_at_once(tenant):
    key = keys.create("version")
    keys.destroy([key.id])
    with pytest.raises(Erased):
        keys.open_one(key.id)


FORBIDDEN = [
    "DELETE FROM keyring_key",
    "UPDATE keyring_key SET wrapped = ''",
    "UPDATE keyring_key SET confirmed = true",
    "UPDATE keyring_shard SET epoch = 9",
    "DELETE FROM keyring_shard",
    "SELECT * FROM keyring_rotation",
    "INSERT INTO keyring_destroyed (tenant_id, id, shard, new_epoch) SELECT tenant_id, id, 0, 1 FROM keyring_key",
    "DELETE FROM keyring_destroyed",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_web_process_may_only_read_and_add(tenant, statement):
    made(1)
    with pytest.raises(ProgrammingError, match="permission denied"), tenant_transaction("keyring"):
        connections["keyring"].cursor().execute(statement)


def test_what_the_share_lock_asks_for_changes_nothing(tenant, other_tenant):
    made(1)
    with pytest.raises(ProgrammingError, match="row-level security"), tenant_transaction("keyring"):
        connections["keyring"].cursor().execute("UPDATE keyring_shard SET tenant_id = %s", [other_tenant])


@pytest.mark.parametrize("alias", ["keyring", "keyring_eraser"])
def test_without_any_filter_a_tenant_still_sees_its_own_rows_alone(tenant, other_tenant, alias):
    ours = set(made(3))
    with tenant_scope(other_tenant):
        made(2)
    with tenant_transaction(alias), connections[alias].cursor() as cursor:
        cursor.execute("SELECT id FROM keyring_key")
        assert {id_ for (id_,) in cursor.fetchall()} == ours

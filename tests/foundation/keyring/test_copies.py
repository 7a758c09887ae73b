"""What survives a rotation opens again after an older keyring is put back; what was destroyed does not; and no epoch
key dies before its survivors are written down."""

from pathlib import Path

import pytest

from foundation.kernel.problems import Unavailable
from foundation.keyring import copies, keys, rotation, turning
from foundation.keyring.kms import Assurance, kms
from tests.foundation.keyring.build import made, opened_anew
from tests.foundation.keyring.test_rotation import split

TABLES = ("key", "shard", "destroyed", "rotation")


@pytest.fixture
def dumped(keyring_superuser, tenant):
    """Puts the tenant's keyring back as it was when the test asked for the dump."""

    def dump():
        for name in TABLES:
            keyring_superuser.execute(
                f"CREATE TEMP TABLE old_{name} AS SELECT * FROM keyring_{name} WHERE tenant_id = %s", [tenant]
            )

        def put_back():
            for name in TABLES:
                keyring_superuser.execute(f"DELETE FROM keyring_{name} WHERE tenant_id = %s", [tenant])
                keyring_superuser.execute(f"INSERT INTO keyring_{name} SELECT * FROM old_{name}")

        return put_back

    yield dump
    for name in TABLES:
        keyring_superuser.execute(f"DROP TABLE IF EXISTS old_{name}")


def test_survivors_of_later_rotations_open_in_an_older_keyring_and_the_destroyed_do_not(tenant, dumped):
    doomed, survivors = split(made(6), 2)
    bystanders = made(3, shard=7)
    put_back = dumped()
    keys.destroy(doomed)
    keys.destroy([next(iter(survivors))])
    survivors.pop(next(iter(survivors)))
    put_back()
    assert set(opened_anew([*doomed, *survivors])) == set(), "the control: the older wraps open for nobody"
    assert copies.apply() == 1
    assert opened_anew([*doomed, *survivors, *bystanders]) == survivors | bystanders
    assert copies.apply() == 0, "again changes nothing"


def test_after_a_restore_the_shard_goes_on_rotating(tenant, dumped):
    doomed, survivors = split(made(5), 1)
    put_back = dumped()
    keys.destroy(doomed)
    put_back()
    copies.apply()
    more, rest = split(survivors, 1)
    assert keys.destroy(more).assurance == Assurance.A2
    assert opened_anew([*more, *rest]) == rest


def test_keys_that_an_older_keyring_does_not_have_come_back_from_the_copy(tenant, dumped):
    old = made(2)
    put_back = dumped()
    new = made(3)
    doomed = next(iter(old))
    keys.destroy([doomed])
    old.pop(doomed)
    put_back()
    copies.apply()
    assert opened_anew([doomed, *old, *new]) == old | new


def test_no_epoch_dies_while_its_survivors_cannot_be_written_down(tenant, settings, tmp_path):
    doomed, survivors = split(made(4), 1)
    kept = settings.KEYRING_COPIES
    (tmp_path / "a file").write_text("in the way")
    settings.KEYRING_COPIES = f"file:{tmp_path / 'a file'}"
    assert keys.destroy(doomed).assurance == Assurance.A1
    assert kms().epochs(tenant, 0) == {1, 2}
    settings.KEYRING_COPIES = kept
    rotation.recover()
    assert kms().epochs(tenant, 0) == {2}
    assert keys.destroy(doomed).assurance == Assurance.A2
    assert opened_anew(survivors) == survivors


def test_a_copy_that_does_not_read_back_is_no_copy(tenant, monkeypatch):
    made(2)
    monkeypatch.setattr(
        copies, "_write", lambda path, copy: Path(path).write_text('{"shard": 0, "epoch": 1, "keys": []}')
    )
    with pytest.raises(Unavailable, match="read back"):
        copies.keep(0, 1)


def test_the_newer_of_two_copies_stays(tenant):
    made(2)
    keys.destroy([next(iter(made(1)))])
    epoch = turning.current_epoch(0)
    copies.keep(0, epoch - 1)
    (copy,) = copies.kept()
    assert copy.epoch == epoch


def test_where_none_are_asked_for_none_are_kept(tenant, settings):
    settings.KEYRING_COPIES = ""
    doomed, _ = split(made(2), 1)
    assert keys.destroy(doomed).assurance == Assurance.A2
    assert list(copies.kept()) == []

"""The file KMS: epoch keys that live in one file, shared by processes, and die when they are told to."""

import fcntl
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured

from foundation.kernel.problems import Integrity
from foundation.keyring import durable, file_kms
from foundation.keyring.file_kms import FileKms
from foundation.keyring.kms import EpochGone, EpochUnknown, KmsDown, kms
from tests.foundation.keyring.killing import killed_at, steps_of

TENANT = uuid4()
SECRETS, CONTEXTS = [b"a" * 32, b"b" * 32], [b"one", b"two"]


@pytest.fixture
def keeper(kms_folder) -> FileKms:
    return FileKms(str(kms_folder))


def key_of(folder, epoch: int, shard: int = 0) -> bytes:
    return file_kms._read(folder / f"{TENANT}.epochs")[shard].live[epoch]


def everything_in(folder) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_it_unwraps_what_it_wrapped(keeper):
    keeper.create_epoch(TENANT, 3, 1)
    wrapped = keeper.wrap(TENANT, 3, 1, SECRETS, CONTEXTS)
    assert keeper.unwrap(TENANT, 3, 1, wrapped, CONTEXTS) == SECRETS


def test_a_wrap_opens_in_its_own_context_only(keeper):
    keeper.create_epoch(TENANT, 0, 1)
    wrapped = keeper.wrap(TENANT, 0, 1, SECRETS, CONTEXTS)
    with pytest.raises(Integrity):
        keeper.unwrap(TENANT, 0, 1, wrapped, CONTEXTS[::-1])


def test_a_wrap_opens_in_its_own_place_only(keeper, kms_folder):
    other = uuid4()
    for tenant, shard, epoch in [(TENANT, 0, 1), (TENANT, 0, 2), (TENANT, 1, 1), (other, 0, 1)]:
        keeper.create_epoch(tenant, shard, epoch)
    # Even with one and the same key everywhere, the place is bound.
    for tenant in (TENANT, other):
        path = kms_folder / f"{tenant}.epochs"
        shards = file_kms._read(path)
        for shard in shards.values():
            shard.live = dict.fromkeys(shard.live, b"k" * 32)
        durable.replace(path, file_kms._encode(shards))
    wrapped = keeper.wrap(TENANT, 0, 1, SECRETS, CONTEXTS)
    assert keeper.unwrap(TENANT, 0, 1, wrapped, CONTEXTS) == SECRETS
    for tenant, shard, epoch in [(TENANT, 0, 2), (TENANT, 1, 1), (other, 0, 1)]:
        with pytest.raises(Integrity):
            keeper.unwrap(tenant, shard, epoch, wrapped, CONTEXTS)


def test_a_destroyed_epoch_is_gone_and_its_bytes_too(keeper, kms_folder):
    keeper.create_epoch(TENANT, 0, 1)
    keeper.create_epoch(TENANT, 0, 2)
    key, wrapped = key_of(kms_folder, 1), keeper.wrap(TENANT, 0, 1, SECRETS, CONTEXTS)
    assert key.hex().encode() in everything_in(kms_folder)
    keeper.destroy_epoch(TENANT, 0, 1)
    with pytest.raises(EpochGone):
        keeper.unwrap(TENANT, 0, 1, wrapped, CONTEXTS)
    assert keeper.epochs(TENANT, 0) == {2}
    assert key.hex().encode() not in everything_in(kms_folder)


def test_the_old_file_is_overwritten_before_its_name_goes(keeper, kms_folder):
    keeper.create_epoch(TENANT, 0, 1)
    key, path = key_of(kms_folder, 1), kms_folder / f"{TENANT}.epochs"
    with path.open("rb") as old_file:  # keeps the old inode readable after its name went
        assert key.hex().encode() in old_file.read()
        keeper.destroy_epoch(TENANT, 0, 1)
        old_file.seek(0)
        content = old_file.read()
    assert content
    assert key.hex().encode() not in content


def test_another_keepers_destruction_is_seen_at_once(keeper, kms_folder, monkeypatch):
    monkeypatch.setattr(file_kms, "_GRAIN_SECONDS", -1e9)  # hold what was read, however young
    keeper.create_epoch(TENANT, 0, 1)
    wrapped = keeper.wrap(TENANT, 0, 1, SECRETS, CONTEXTS)
    assert len(keeper._read_files) == 1
    FileKms(str(kms_folder)).destroy_epoch(TENANT, 0, 1)
    with pytest.raises(EpochGone):
        keeper.unwrap(TENANT, 0, 1, wrapped, CONTEXTS)


def test_an_epoch_never_issued_is_unknown_and_not_gone(keeper):
    keeper.create_epoch(TENANT, 0, 1)
    for shard, epoch in [(0, 2), (1, 1)]:
        with pytest.raises(EpochUnknown):
            keeper.wrap(TENANT, shard, epoch, SECRETS, CONTEXTS)


def test_a_number_is_never_given_to_a_second_key(keeper, kms_folder):
    keeper.create_epoch(TENANT, 0, 2)
    before = key_of(kms_folder, 2)
    keeper.create_epoch(TENANT, 0, 2)
    assert key_of(kms_folder, 2) == before
    keeper.destroy_epoch(TENANT, 0, 2)
    for epoch in (1, 2):
        with pytest.raises(EpochGone):
            keeper.create_epoch(TENANT, 0, epoch)


def test_destroying_twice_is_destroying(keeper):
    keeper.create_epoch(TENANT, 0, 1)
    keeper.destroy_epoch(TENANT, 0, 1)
    keeper.destroy_epoch(TENANT, 0, 1)
    assert keeper.epochs(TENANT, 0) == frozenset()


def test_only_its_owner_reads_it(keeper, kms_folder):
    keeper.create_epoch(TENANT, 0, 1)
    keeper.create_epoch(TENANT, 0, 2)
    assert stat.S_IMODE(kms_folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in kms_folder.iterdir()} == {0o600}


def test_a_damaged_file_is_refused_before_it_is_used(keeper, kms_folder):
    keeper.create_epoch(TENANT, 0, 1)
    path = kms_folder / f"{TENANT}.epochs"
    raw = bytearray(path.read_bytes())
    at = raw.index(key_of(kms_folder, 1).hex().encode())
    raw[at] = ord("0") if raw[at] != ord("0") else ord("1")
    path.write_bytes(bytes(raw))
    with pytest.raises(Integrity):
        keeper.wrap(TENANT, 0, 1, SECRETS, CONTEXTS)
    with pytest.raises(Integrity):
        keeper.create_epoch(TENANT, 0, 2)


def test_processes_that_start_together_make_one_key(keeper, kms_folder):
    def create() -> None:
        FileKms(str(kms_folder)).create_epoch(TENANT, 0, 1)

    children = []
    for _ in range(6):
        if (child := os.fork()) == 0:
            try:
                create()
                wrapped = FileKms(str(kms_folder)).wrap(TENANT, 0, 1, SECRETS, CONTEXTS)
                (kms_folder / f"wrap-{os.getpid()}").write_bytes(wrapped[0])
                os._exit(0)
            except BaseException:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    for path in kms_folder.glob("wrap-*"):
        assert keeper.unwrap(TENANT, 0, 1, [path.read_bytes()], CONTEXTS[:1]) == SECRETS[:1]


def test_threads_that_change_one_tenant_lose_nothing(keeper):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda shard: keeper.create_epoch(TENANT, shard, 1), range(24)))
    assert all(keeper.epochs(TENANT, shard) == {1} for shard in range(24))


def test_a_lock_that_stays_is_an_outage_not_a_wait_for_ever(keeper, kms_folder, monkeypatch):
    keeper.create_epoch(TENANT, 0, 1)
    monkeypatch.setattr(durable, "_lock", lambda fd, kind, until: _lock_now(fd, kind))
    with (kms_folder / f"{TENANT}.lock").open("rb+") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        with pytest.raises(KmsDown):
            keeper.create_epoch(TENANT, 0, 2)


def _lock_now(descriptor: int, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TimeoutError from None


def test_a_folder_that_cannot_be_reached_is_an_outage(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(KmsDown):
        FileKms(str(tmp_path / "file" / "below")).create_epoch(TENANT, 0, 1)


@pytest.mark.parametrize("act", ["create_epoch", "destroy_epoch"])
def test_a_kill_at_any_step_leaves_the_old_or_the_new_file_and_no_dead_key(tmp_path, act):
    def prepared(folder):
        keeper = FileKms(str(folder))
        keeper.create_epoch(TENANT, 0, 1)
        keeper.create_epoch(TENANT, 1, 1)
        return keeper

    epoch = 2 if act == "create_epoch" else 1
    names = steps_of(lambda: getattr(prepared(tmp_path / "dry"), act)(TENANT, 0, epoch))[-5:]
    assert names == ["file.written", "file.linked", "file.replaced", "file.overwritten", "file.shredded"]
    for index, name in enumerate(names):
        folder = tmp_path / name
        keeper = prepared(folder)
        old = key_of(folder, 1)
        wrapped = keeper.wrap(TENANT, 1, 1, SECRETS, CONTEXTS)
        assert killed_at(index, lambda keeper=keeper: getattr(keeper, act)(TENANT, 0, epoch)), name
        live = keeper.epochs(TENANT, 0)
        assert live in ({1}, {1, 2}) if act == "create_epoch" else live in ({1}, frozenset())
        assert keeper.unwrap(TENANT, 1, 1, wrapped, CONTEXTS) == SECRETS, "a bystander's key was lost"
        assert sorted(path.suffix for path in folder.iterdir()) == [".epochs", ".lock"], "leftovers hold keys"
        assert (old.hex().encode() in everything_in(folder)) == (1 in live)
        getattr(keeper, act)(TENANT, 0, epoch)
        assert keeper.epochs(TENANT, 0) == ({1, 2} if act == "create_epoch" else frozenset())


@pytest.mark.parametrize("setting", ["", "file", "file:", "vault:somewhere", "/a/path"])
def test_a_setting_nobody_answers_to_is_refused(settings, setting):
    settings.KMS = setting
    with pytest.raises(ImproperlyConfigured):
        kms()


def test_a_provider_of_ones_own_is_found_by_its_scheme(settings):
    settings.KMS_PROVIDERS = {"mine": "tests.foundation.keyring.faulty.FaultyKms"}
    settings.KMS = "mine:place"
    assert type(kms()).__name__ == "FaultyKms"

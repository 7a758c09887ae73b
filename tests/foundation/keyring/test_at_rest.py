"""No key lies readable in the keyring, its files, its write-ahead log, or a log."""

import base64
import logging
from datetime import timedelta

from foundation.keyring import file_kms, keys, rotation
from tests.foundation.keyring.build import made, stored


def forms(secret: bytes) -> list[bytes]:
    whole = [secret, secret.hex().encode(), secret.hex().upper().encode()]
    return whole + [base64.b64encode(b"\0" * n + secret)[4:-4] for n in range(3)]


def found_in(folder, needles: list[bytes]) -> set[bytes]:
    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            found |= {needle for needle in needles if needle in content}
    return found


def test_no_key_lies_in_the_databases_files(tenant, cluster, kms_folder, keyring_superuser):
    secrets = made(6) | {keys.create("version").id: keys.named("integrity")}
    epochs = [key for shard in file_kms._read(kms_folder / f"{tenant}.epochs").values() for key in shard.live.values()]
    rows = stored(keyring_superuser)
    keys.destroy(list(secrets)[:2])
    keyring_superuser.execute("CHECKPOINT")
    needles = [form for key in [*secrets.values(), *epochs] for form in forms(key)]
    assert found_in(cluster.directory.path, needles) == set()
    wrapped = [row.wrapped for row in rows]
    assert found_in(cluster.directory.path, wrapped), "the positive control: the wraps must be found"


def test_no_column_holds_a_key_and_no_wrap_is_its_key(tenant, keyring_superuser):
    secrets = made(20)
    for row in stored(keyring_superuser):
        assert secrets[row.id] not in row.wrapped
        assert len(row.wrapped) == 61
    for table in ("key", "shard", "rotation", "destroyed"):
        text = str(keyring_superuser.execute(f"SELECT * FROM keyring_{table}").fetchall())
        assert not any(secret.hex() in text or repr(secret)[2:-1] in text for secret in secrets.values())


def test_no_key_is_logged(tenant, caplog, keyring_superuser):
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("control").debug("positive control")
        secrets = made(10)
        broken = list(secrets)[1]
        keyring_superuser.execute("UPDATE keyring_key SET wrapped = '\\x00' WHERE id = %s", [broken])
        keys.destroy(list(secrets)[:1])
        rotation.recover(timedelta(0))
    assert "positive control" in caplog.text
    assert str(broken) in caplog.text
    for secret in secrets.values():
        assert not any(form.decode("latin-1") in caplog.text for form in forms(secret))
        assert repr(secret)[2:-1] not in caplog.text


def test_the_keyring_has_a_database_of_its_own(superuser, keyring_superuser):
    asked = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'keyring%'"
    assert superuser.execute(asked).fetchall() == []
    assert len(keyring_superuser.execute(asked).fetchall()) == 4

"""Service keys: made once, kept in files, outside every database."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.core.exceptions import ImproperlyConfigured

from foundation.kernel.problems import Unavailable
from foundation.keyring import signing

MODES = {".key": 0o600, ".mac": 0o600, ".pub": 0o644}


@pytest.mark.parametrize("name", signing.SIGNERS)
def test_what_a_signing_key_signs_its_verify_key_verifies(name):
    signature = signing.signing_key(name).sign(b"note")
    signing._forget()
    signing.verify_key(name).verify(signature, b"note")
    with pytest.raises(InvalidSignature):
        signing.verify_key(name).verify(signature, b"another note")


def test_every_key_differs_from_every_other():
    macs = {signing.mac_key(name) for name in signing.MACS}
    publics = {signing.verify_key(name).public_bytes(Encoding.Raw, PublicFormat.Raw) for name in signing.SIGNERS}
    assert len(macs) == len(signing.MACS)
    assert len(publics) == len(signing.SIGNERS)
    assert {len(key) for key in macs} == {32}


def test_the_same_key_is_found_again():
    before = signing.mac_key("outbox")
    signing._forget()
    assert signing.mac_key("outbox") == before


def test_only_their_owner_reads_the_secrets(kms_folder):
    for name in signing.SIGNERS:
        signing.verify_key(name)
    for name in signing.MACS:
        signing.mac_key(name)
    files = list((kms_folder / "service").iterdir())
    assert len(files) == 2 * len(signing.SIGNERS) + len(signing.MACS)
    assert all(stat.S_IMODE(path.stat().st_mode) == MODES[path.suffix] for path in files)
    assert stat.S_IMODE((kms_folder / "service").stat().st_mode) == 0o700


def test_a_secret_others_may_read_is_refused(kms_folder):
    signing.mac_key("cursor")
    (kms_folder / "service" / "cursor.mac").chmod(0o644)
    signing._forget()
    with pytest.raises(Unavailable):
        signing.mac_key("cursor")


def test_a_process_that_only_verifies_needs_no_private_key(kms_folder):
    before = signing.verify_key("audit").public_bytes(Encoding.Raw, PublicFormat.Raw)
    (kms_folder / "service" / "audit.key").unlink()
    signing._forget()
    assert signing.verify_key("audit").public_bytes(Encoding.Raw, PublicFormat.Raw) == before


def test_processes_that_start_together_make_one_key_each(kms_folder):
    children = []
    for _ in range(8):
        if (child := os.fork()) == 0:
            try:
                signing._forget()
                public = signing.signing_key("audit").public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
                (kms_folder / f"saw-{os.getpid()}").write_bytes(public + signing.mac_key("lane"))
                os._exit(0)
            except BaseException:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    assert len({path.read_bytes() for path in kms_folder.glob("saw-*")}) == 1
    assert not list((kms_folder / "service").glob(".*")), "a draft was left"


@pytest.mark.parametrize("name", ["", "root", "../audit", "lane"])
def test_a_name_that_is_not_in_the_list_is_a_bug(name):
    with pytest.raises(ValueError, match="no such service key"):
        signing.signing_key(name)


def test_another_kms_demands_a_folder_of_its_own(settings, tmp_path):
    settings.KMS_PROVIDERS = {"mine": "tests.foundation.keyring.faulty.FaultyKms"}
    settings.KMS = "mine:place"
    with pytest.raises(ImproperlyConfigured):
        signing.mac_key("lane")
    settings.SERVICE_KEYS = str(tmp_path / "elsewhere")
    signing.mac_key("lane")
    assert (tmp_path / "elsewhere" / "lane.mac").exists()


def test_openssl_style_tools_can_read_the_verify_key(kms_folder):
    signing.verify_key("certificate")
    pem = (kms_folder / "service" / "certificate.pub").read_text()
    assert pem.startswith("-----BEGIN PUBLIC KEY-----")


def test_sealing_needs_no_database():
    """The pure modules import without Django being set up, for tools that only open or verify."""
    root = Path(__file__).resolve().parents[3]
    code = "from foundation.keyring import sealing, durable, cache; sealing.seal(bytes(32), b'', b'x')"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, env={"PYTHONPATH": str(root / "platform")})

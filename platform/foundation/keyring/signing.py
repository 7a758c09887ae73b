"""The installation's own keys, which sign and authenticate: kept as files outside every database.

Ed25519 pairs sign what leaves the house (checkpoints, receipts, certificates); MAC keys authenticate what stays in it.
Each is made once, at first use, whatever number of processes start together. Verify keys lie beside them, readable:
a process that only verifies needs no private key.
"""

import os
import stat
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from foundation.kernel.problems import Integrity, Unavailable
from foundation.keyring import durable
from foundation.keyring.sealing import KEY_BYTES, new_key

Signer = Literal["audit", "receipt", "certificate"]
Mac = Literal["outbox", "lane", "cursor", "attempt"]
SIGNERS: tuple[Signer, ...] = ("audit", "receipt", "certificate")
MACS: tuple[Mac, ...] = ("outbox", "lane", "cursor", "attempt")


def signing_key(name: Signer) -> Ed25519PrivateKey:
    """The private key `name`; made at first use. Raises `Unavailable` if the folder cannot be reached."""
    _known(name, SIGNERS)
    return _private(service_folder(), name)


def verify_key(name: Signer) -> Ed25519PublicKey:
    """The public half of `signing_key(name)`, from its own readable file."""
    _known(name, SIGNERS)
    return _public(service_folder(), name)


def mac_key(name: Mac) -> bytes:
    """The 32-byte MAC key `name`; made at first use. Raises `Unavailable` if the folder cannot be reached."""
    _known(name, MACS)
    return _mac(service_folder(), name)


def service_folder() -> Path:
    """`settings.SERVICE_KEYS`, else `service/` in the file KMS's folder; another KMS demands the setting."""
    given = getattr(settings, "SERVICE_KEYS", "")
    scheme, _, place = settings.KMS.partition(":")
    if given or scheme == "file":
        return Path(given) if given else Path(place) / "service"
    raise ImproperlyConfigured("SERVICE_KEYS names the folder of the service keys when KMS is not file:PATH")


def _known(name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise ValueError(f"no such service key: {name!r}")


@lru_cache(maxsize=32)
def _private(folder: Path, name: str) -> Ed25519PrivateKey:
    key = serialization.load_pem_private_key(_once(folder / f"{name}.key", _new_pair), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise Integrity("a signing key is not Ed25519")
    return key


@lru_cache(maxsize=32)
def _public(folder: Path, name: str) -> Ed25519PublicKey:
    path = folder / f"{name}.pub"
    if not path.exists():
        _once(path, lambda: _public_pem(_private(folder, name)), mode=0o644)
    key = serialization.load_pem_public_key(_read(path, secret=False))
    if not isinstance(key, Ed25519PublicKey):
        raise Integrity("a verify key is not Ed25519")
    return key


@lru_cache(maxsize=32)
def _mac(folder: Path, name: str) -> bytes:
    key = bytes.fromhex(_once(folder / f"{name}.mac", lambda: new_key().hex().encode()).decode())
    if len(key) != KEY_BYTES:
        raise Integrity("a MAC key has not 32 bytes")
    return key


def _new_pair() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def _once(path: Path, make: Callable[[], bytes], *, mode: int = 0o600) -> bytes:
    """The file's content; made by the first of all processes that asks, whole or not at all."""
    try:
        if not path.exists():
            _make(path, make(), mode)
        return _read(path, secret=mode == 0o600)
    except OSError as error:
        raise Unavailable("a service key cannot be reached") from error


def _make(path: Path, data: bytes, mode: int) -> None:
    draft = durable.private_folder(path.parent) / f".{path.name}.{os.getpid()}.{os.urandom(6).hex()}"
    durable.write_new(draft, data, mode=mode)
    try:
        os.link(draft, path)  # fails if another process was first: its key stands
    except FileExistsError:
        pass
    finally:
        draft.unlink()
        durable.sync_folder(path.parent)


def _read(path: Path, *, secret: bool) -> bytes:
    """The content; a secret that strangers may read is refused, as ssh does."""
    if secret and stat.S_IMODE(path.stat().st_mode) & stat.S_IRWXO:
        raise Unavailable("a service key is readable by others: its mode must be 0600")
    return path.read_bytes()


def _forget(**_: object) -> None:
    for cache in (_private, _public, _mac):
        cache.cache_clear()


setting_changed.connect(_forget)

"""AES-256-GCM sealing. A sealed value is: 1 version byte ‖ 12-byte random nonce ‖ ciphertext ‖ 16-byte tag.

The version byte is authenticated with the caller's additional data, so an old format can never be forged out of a new
one. Nonces are random: one key may seal at most 2^32 values (NIST SP 800-38D §8.3), which a key per version, per day
or per tenant and use does not come near.
"""

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from foundation.kernel.problems import Integrity

KEY_BYTES = 32
OVERHEAD = 1 + 12 + 16
_VERSION = b"\x01"
_NONCE_BYTES = 12


def new_key() -> bytes:
    """A fresh 32-byte key from the system's generator."""
    return os.urandom(KEY_BYTES)


class Sealer:
    """Seals and opens under one key, set up once for many values."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("a sealing key has 32 bytes")
        self._cipher = AESGCM(key)

    def seal(self, aad: bytes, data: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, data, _VERSION + aad)

    def open(self, aad: bytes, sealed: bytes) -> bytes:
        """The data; raises `Integrity` if one bit of `sealed`, of `aad` or of the key differs."""
        if len(sealed) < OVERHEAD or sealed[:1] != _VERSION:
            raise Integrity
        try:
            return self._cipher.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], _VERSION + aad)
        except InvalidTag:
            raise Integrity from None


def seal(key: bytes, aad: bytes, data: bytes) -> bytes:
    """`data` sealed under a 32-byte `key` and bound to `aad`; 29 bytes longer than `data`."""
    return Sealer(key).seal(aad, data)


def open_sealed(key: bytes, aad: bytes, sealed: bytes) -> bytes:
    """What `seal` was given; raises `Integrity`, saying no more, when anything differs."""
    return Sealer(key).open(aad, sealed)

"""API keys as text: `mw_<tenant>_<keyid>_<secret>`. The secret is 256 random bits and is never stored, only hashed."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass, field
from uuid import UUID

from foundation.kernel.problems import Unauthenticated

PREFIX = "mw"
_BASE62 = string.digits + string.ascii_letters
_KEY_ID = "abcdefghijkmnpqrstuvwxyz23456789"
_FORM = re.compile(r"mw_(?P<tenant>[0-9a-f]{32})_(?P<key_id>[a-z2-9]{10})_(?P<secret>[0-9A-Za-z]{43})")
_NOBODY = hashlib.sha256(secrets.token_bytes(32)).digest()


@dataclass(frozen=True, slots=True)
class Credential:
    """One API key in its parts. Its text is shown once, by `text()`; `repr` never shows the secret."""

    tenant_id: UUID
    key_id: str
    secret: str = field(repr=False)

    def text(self) -> str:
        return f"{PREFIX}_{self.tenant_id.hex}_{self.key_id}_{self.secret}"

    def digest(self) -> bytes:
        return hashlib.sha256(self.secret.encode()).digest()


def fresh(tenant_id: UUID) -> Credential:
    """A new credential of a tenant: 50 random bits of key id, 256 of secret."""
    key_id = "".join(secrets.choice(_KEY_ID) for _ in range(10))
    return Credential(tenant_id, key_id, _base62(secrets.randbits(256)))


def parse(text: str) -> Credential:
    """The parts of a credential; raises `Unauthenticated` if it is not one, saying no more."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise Unauthenticated
    return Credential(UUID(hex=found["tenant"]), found["key_id"], found["secret"])


def require_secret(given: Credential, digest: bytes | None) -> None:
    """Raise `Unauthenticated` unless the secret is the one hashed in `digest`. An unknown key (None) is compared with
    a hash of nothing known, so that it takes as long as a wrong secret."""
    equal = hmac.compare_digest(given.digest(), bytes(digest) if digest is not None else _NOBODY)
    if not equal or digest is None:
        raise Unauthenticated


def _base62(number: int) -> str:
    digits = ""
    for _ in range(43):
        number, place = divmod(number, 62)
        digits = _BASE62[place] + digits
    return digits

"""Sessions as text, as a browser's cookie holds them: `ms_<tenant>_<session>_<secret>`. Like API keys they name their
tenant, so that no table of all tenants' sessions is needed; the secret is 256 random bits and is never stored.

What is stored is HMAC(secret, browser): a cookie that turns up in another kind of browser is not the one given out.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from uuid import UUID

from foundation.kernel.ids import uuid7
from foundation.kernel.problems import Unauthenticated

_FORM = re.compile(r"ms_(?P<tenant>[0-9a-f]{32})_(?P<session>[0-9a-f]{32})_(?P<secret>[0-9A-Za-z_-]{43})")
_NOBODY = secrets.token_bytes(32)


@dataclass(frozen=True, slots=True)
class Ticket:
    """One session's cookie in its parts; `repr` never shows the secret."""

    tenant_id: UUID
    session_id: UUID
    secret: str = field(repr=False)

    def text(self) -> str:
        return f"ms_{self.tenant_id.hex}_{self.session_id.hex}_{self.secret}"

    def digest(self, browser: str) -> bytes:
        """What is stored of it. `browser` is what the browser calls itself (User-Agent)."""
        return hmac.digest(self.secret.encode(), browser.encode("utf-8", "replace"), hashlib.sha256)


def fresh(tenant_id: UUID) -> Ticket:
    """A ticket for a new session of a tenant."""
    return Ticket(tenant_id, uuid7(), secrets.token_urlsafe(32))


def parse(text: str) -> Ticket:
    """The parts of a cookie; raises `Unauthenticated` if it is not one, saying no more."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise Unauthenticated
    return Ticket(UUID(hex=found["tenant"]), UUID(hex=found["session"]), found["secret"])


def require_secret(given: Ticket, browser: str, digest: bytes | None) -> None:
    """Raise `Unauthenticated` unless `digest` is this ticket's in this browser. An unknown session (None) takes as
    long as a wrong secret."""
    equal = hmac.compare_digest(given.digest(browser), bytes(digest) if digest is not None else _NOBODY)
    if not equal or digest is None:
        raise Unauthenticated

"""Browsers in which a person has signed in before: their attempts are counted apart.

Anybody may use up the attempts at an address. If these were all there are, strangers would keep its owner out; so a
browser that has once shown the password is known by a cookie, `md_<number>_<mac>`, and has attempts of its own. The
cookie opens nothing. It is the person's alone, and the password's: with another one, every browser is a stranger again.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from foundation.keyring.signing import mac_key
from tenants.models import Person

_FORM = re.compile(r"md_(?P<number>[0-9a-f]{32})_(?P<mac>[0-9A-Za-z_-]{43})")


def fresh(person: Person) -> str:
    """The cookie's text for a browser in which this person has just shown his password."""
    number = secrets.token_hex(16)
    return f"md_{number}_{_mac(person, number)}"


def known(text: str, person: Person | None) -> str | None:
    """What the attempts of a browser with this cookie are counted under; None where it is a stranger to the person."""
    found = _FORM.fullmatch(text)
    if found is None or person is None or not hmac.compare_digest(found["mac"], _mac(person, found["number"])):
        return None
    return found["number"]


def _mac(person: Person, number: str) -> str:
    told = f"browser/{person.tenant_id}/{person.id}/{number}/".encode() + bytes(person.password or b"")
    return base64.urlsafe_b64encode(hmac.digest(mac_key("attempt"), told, hashlib.sha256)).rstrip(b"=").decode()

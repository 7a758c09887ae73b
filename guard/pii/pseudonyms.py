"""Tokens that stand for values: deterministic under a tenant's key, unrelated between tenants."""

import hashlib
import hmac
import re
import unicodedata

from guard.pii.entities import Entity

# Crockford's base 32, lower case: no l, o, u or i to misread.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 10

# What the pass itself writes. It is left alone when it is met again, so redacting twice changes nothing.
TOKEN = re.compile(rf"<(?P<entity>{'|'.join(Entity)})(?:_[{_ALPHABET}]{{{_LENGTH}}}|:[0-9a-f]{{16}})?>")

_DIGITS_ONLY = {Entity.PHONE, Entity.CARD}
_SIGNS_ONLY = {Entity.BANK_ACCOUNT, Entity.NATIONAL_ID, Entity.PASSPORT, Entity.DRIVER_LICENCE}


def normalised(entity: Entity, value: str) -> str:
    """One spelling per value: case, spacing and punctuation aside. "Ana" and "Ana Diaz" stay two values."""
    folded = unicodedata.normalize("NFKC", value).casefold()
    if entity in _DIGITS_ONLY:
        return "".join(sign for sign in folded if sign.isdigit())
    if entity in _SIGNS_ONLY:
        return "".join(sign for sign in folded if sign.isalnum())
    if entity is Entity.HANDLE:
        return folded.strip("@# ")
    return re.sub(r"[^\w@+]+", " ", folded).strip() if entity in _LOOSE else folded.strip()


_LOOSE = {Entity.PERSON, Entity.LOCATION, Entity.ADDRESS, Entity.DATE_OF_BIRTH}


def pseudonym(key: bytes, entity: Entity, value: str) -> str:
    """`<PERSON_k3f9x2mq7a>`: 50 bits of HMAC-SHA-256(key, type ‖ 0 ‖ normalised value)."""
    number = int.from_bytes(_mac(key, b"pseudonym", entity, value)[:8]) >> 14
    letters = "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(_LENGTH))
    return f"<{entity}_{letters}>"


def keyed_hash(key: bytes, entity: Entity, value: str) -> str:
    """`<PERSON:0123456789abcdef>`: like a pseudonym, but nothing keeps the way back."""
    return f"<{entity}:{_mac(key, b'hash', entity, value)[:8].hex()}>"


def _mac(key: bytes, purpose: bytes, entity: Entity, value: str) -> bytes:
    message = b"\0".join((purpose, entity.encode(), normalised(entity, value).encode()))
    return hmac.digest(key, message, hashlib.sha256)

"""Canonical JSON (RFC 8785), narrowed to what is signed here: no floats, integers below 2^53, ASCII keys. A UUID stands
as its text, 36 characters in lower case."""

from typing import Any
from uuid import UUID

import orjson

_LIMIT = 2**53
_PLAIN = {str, bool, type(None), UUID}


class NotCanonical(ValueError):
    """The value has no canonical form here."""


def canonical(value: Any) -> bytes:
    """The one byte string that stands for `value`; raises `NotCanonical` for floats, large integers, keys outside
    ASCII, lone surrogates and types JSON does not know."""
    _check(value)
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except orjson.JSONEncodeError as error:
        raise NotCanonical("a lone surrogate") from error


def _check(value: Any) -> None:
    if type(value) in _PLAIN or isinstance(value, str):
        return
    if isinstance(value, int):
        if abs(value) >= _LIMIT:
            raise NotCanonical("an integer of 2^53 or more")
    elif isinstance(value, dict):
        _check_keys(value)
        for item in value.values():
            _check(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            kind = type(item)
            if kind not in _PLAIN and not (kind is int and -_LIMIT < item < _LIMIT):
                _check(item)
    else:
        raise NotCanonical(type(value).__name__)


def _check_keys(value: dict[Any, Any]) -> None:
    # ASCII keys sort alike by code point and by UTF-16 unit, which RFC 8785 asks for.
    if not all(isinstance(key, str) and key.isascii() for key in value):
        raise NotCanonical("a key that is not ASCII text")

"""Request bodies: JSON (I-JSON, RFC 7493), bounded in bytes and depth, held in memory.

What no column or log could hold safely is refused at this one door: duplicate names, NaN, lone surrogates (400) and
NUL (422, with its place), so that no free-form field lets one through.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.http import HttpRequest
from rest_framework.parsers import BaseParser

from foundation.kernel.problems import FieldError, Malformed, TooLarge, Validation

MIB = 1024 * 1024
SINGLE, BATCH = MIB, 40 * MIB
DEPTH = 32
_SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATE = re.compile("[\ud800-\udfff]")


def load(request: HttpRequest, most: int) -> bytes:
    """The whole body, kept on the request for every later reader; more than `most` bytes raise `TooLarge` unread."""
    length = _declared_length(request)
    if length is not None and length > most:
        raise TooLarge(f"A body has at most {most} bytes.")
    # Without a length the server ends a chunked stream itself; Django would read it as empty.
    stream: IO[bytes] = request if length is not None else _chunks(request)  # type: ignore[assignment]
    data = stream.read(most + 1 if length is None else length)
    if len(data) > most:
        raise TooLarge(f"A body has at most {most} bytes.")
    request._body = data  # type: ignore[attr-defined]
    request._read_started = True  # type: ignore[attr-defined]
    request.META["CONTENT_LENGTH"] = str(len(data))
    return data


def _declared_length(request: HttpRequest) -> int | None:
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        return None
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if not declared.isdecimal() or not declared.isascii():
        raise Malformed("Content-Length is not a number.")
    return int(declared)


def _chunks(request: HttpRequest) -> IO[bytes]:
    return request.META["wsgi.input"]  # type: ignore[no-any-return]


class StrictJSONParser(BaseParser):
    """`application/json` and nothing else; any other content type is a 415 of the framework."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        return parse(stream.read())


def parse(data: bytes) -> Any:
    """The value of a JSON text; raises `Malformed`, or `Validation` for a NUL."""
    try:
        text = codecs.decode(data, "utf-8")
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite)
    except (ValueError, RecursionError):
        raise Malformed("The body is not JSON.") from None
    check(value, characters=_SUSPECT.search(text) is not None)
    return value


def check(value: Any, *, characters: bool = True) -> None:
    """Refuse what is nested deeper than `DEPTH` and, with `characters`, text that no store can hold."""
    for pointer, depth, item in _walk(value):
        if depth > DEPTH:
            raise Malformed(f"The body is nested deeper than {DEPTH}.")
        if not characters or not isinstance(item, str):
            continue
        if _SURROGATE.search(item):
            raise Malformed("A text holds a lone surrogate.", errors=[FieldError(pointer, "lone-surrogate")])
        if "\x00" in item:
            raise Validation(errors=[FieldError(pointer, "nul", "NUL is not allowed.")])


def _walk(value: Any) -> Iterator[tuple[str, int, Any]]:
    """Every value and name with its pointer and depth; iterative, so depth cannot exhaust the stack."""
    left: list[tuple[str, int, Any]] = [("", 1, value)]
    while left:
        pointer, depth, item = left.pop()
        yield pointer, depth, item
        if isinstance(item, dict):
            for name, inner in item.items():
                yield pointer, depth, name
                left.append((f"{pointer}/{escape(name)}", depth + 1, inner))
        elif isinstance(item, list):
            left.extend((f"{pointer}/{place}", depth + 1, inner) for place, inner in enumerate(item))


def escape(name: str) -> str:
    """One reference token of a JSON pointer (RFC 6901 §3), cut so that an error never carries a text."""
    return name[:64].replace("~", "~0").replace("/", "~1").encode("utf-8", "replace").decode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name stands twice")
    return made


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("beyond a double")
    return number


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)

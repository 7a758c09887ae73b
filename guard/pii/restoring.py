"""Putting values back in the places of their tokens: the inverse of the redaction, span by span. Pure.

Only what a span covers changes. A token that somebody typed stands in no span and stays a token.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from guard.pii.document import NAME, escaped, last_name, unique


@dataclass(slots=True)
class Placed:
    """What is put in the place of one span: offsets in characters in the redacted text at `path` (`#`: its name). Not
    frozen, which would take twice as long to make, and a page of memories has hundreds."""

    path: str
    start: int
    end: int
    value: str = field(repr=False)


def put_back(body: Any, placed: Iterable[Placed]) -> Any:
    """The JSON value with the values in their places. A number that was redacted comes back as text; of two names that
    become one again the later is numbered, so that no member is lost."""
    return _restored(body, "", _by_path(placed))


def restored_path(path: str, placed: Sequence[Placed]) -> str:
    """Where the text at `path` of the redacted value stands in the restored one."""
    by_path, nodes = _by_path(placed), path.removesuffix(NAME).split("/")[1:]
    told, at = "", ""
    for name in nodes:
        at = f"{at}/{name}"
        parts = by_path.get(at + NAME, ())
        told = f"{told}/{escaped(_spliced(last_name(at), parts)) if parts else name}"
    return told + (NAME if path.endswith(NAME) else "")


def restored_offsets(spans: Sequence[tuple[int, int]], values: Sequence[str | None]) -> list[tuple[int, int]]:
    """Where the spans of one text, in order, stand once values (None: the token stays) are in their places."""
    shift, told = 0, []
    for (start, end), value in zip(spans, values, strict=True):
        length = end - start if value is None else len(value)
        told.append((start + shift, start + shift + length))
        shift += length - (end - start)
    return told


def _by_path(placed: Iterable[Placed]) -> dict[str, list[Placed]]:
    found: dict[str, list[Placed]] = {}
    for each in sorted(placed, key=lambda each: each.start):
        found.setdefault(each.path, []).append(each)
    return found


def _restored(value: Any, path: str, by_path: Mapping[str, Sequence[Placed]]) -> Any:
    if isinstance(value, Mapping):
        names = _names(list(value), path, by_path)
        return {names[name]: _restored(value[name], f"{path}/{escaped(name)}", by_path) for name in value}
    if isinstance(value, list | tuple):
        return [_restored(member, f"{path}/{place}", by_path) for place, member in enumerate(value)]
    parts = by_path.get(path)
    return _spliced(value, parts) if parts and isinstance(value, str) else value


def _names(names: Sequence[str], path: str, by_path: Mapping[str, Sequence[Placed]]) -> dict[str, str]:
    parts = {name: by_path.get(f"{path}/{escaped(name)}{NAME}", ()) for name in names}
    told = {name: name for name in names if not parts[name]}
    for name in names:
        if parts[name]:
            told[name] = unique(_spliced(name, parts[name]), set(told.values()))
    return told


def _spliced(text: str, parts: Sequence[Placed]) -> str:
    out: list[str] = []
    at = 0
    for each in parts:
        out += (text[at : each.start], each.value)
        at = each.end
    return "".join((*out, text[at:]))

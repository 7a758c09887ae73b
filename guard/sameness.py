"""Whether two typed values mean the same thing: names by part or initials, numbers by value, dates as far as told."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from guard.questions import words
from guard.types import TypedValue, ValueKind
from guard.values import stem

words_of = lru_cache(maxsize=8192)(words)
"""The content stems of a value's text; kept, for the same names are compared over and over."""


def forget() -> None:
    """Keep nothing of the texts that were compared: for who compared what is not to be kept longer than a request."""
    for kept in (words_of, _form, stem):
        kept.cache_clear()


def same(one: TypedValue, other: TypedValue) -> bool:
    """Whether two values mean the same thing: equal, the one a part or the initials of the other, or as exact."""
    if one.kind is not other.kind:
        return False
    if one.text == other.text:
        return True
    if one.kind is ValueKind.NUM:
        return _same_number(one.text, other.text)
    if one.kind is ValueKind.DATE:
        return (
            one.text.startswith(other.text)
            or other.text.startswith(one.text)
            or one.text.lstrip("-")[1:] == other.text.lstrip("-")[1:]
        )
    return _same_name(_form(one.text), _form(other.text))


@dataclass(frozen=True, slots=True)
class _Form:
    """A name taken apart. `acronym`: the first letters of its words; `single`: itself, if it is one word."""

    words: frozenset[str]
    parts: tuple[str, ...]
    acronym: str
    single: str
    abbreviated: bool


@lru_cache(maxsize=16384)
def _form(text: str) -> _Form:
    parts = tuple(text.replace(".", "").split())
    acronym = "".join(part[0] for part in parts if part not in {"of", "the", "and", "de"}) if len(parts) > 1 else ""
    single = parts[0] if len(parts) == 1 and len(parts[0]) > 1 else ""
    return _Form(words_of(text), parts, acronym, single, any(len(part) == 1 for part in parts))


def _same_name(one: _Form, other: _Form) -> bool:
    """Equal, a part of the other ("Keller", "Odo Keller"), or its initials ("JFK"; "J. Watson", "John B. Watson")."""
    if not one.words & other.words:
        return bool((one.single and one.single == other.acronym) or (other.single and other.single == one.acronym))
    if one.abbreviated or other.abbreviated:
        return one.words == other.words or _initials(one.parts, other.parts)
    return one.words <= other.words or other.words <= one.words


def _initials(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    ours, theirs = sorted((one, other), key=lambda parts: len("".join(parts)))
    if len(ours) < 2 or len(theirs) < 2 or ours[-1] != theirs[-1]:
        return False
    return ours[0] == theirs[0] or (ours[0][0] == theirs[0][0] and 1 in (len(ours[0]), len(theirs[0])))


def _same_number(one: str, other: str) -> bool:
    """Equal numbers of one unit; "48 hours" and "2 days" are one duration."""
    number, _, unit = one.partition(" ")
    other_number, _, other_unit = other.partition(" ")
    if unit in _HOURS and other_unit in _HOURS:
        return float(number) * _HOURS[unit] == float(other_number) * _HOURS[other_unit]
    return number == other_number and (unit == other_unit or not unit or not other_unit)


_HOURS = {"minute": 1 / 60, "hour": 1, "day": 24, "week": 168, "fortnight": 336}


def same_answer(one: TypedValue, other: TypedValue) -> bool:
    """As answers to one question 70 nations and 70 countries are the same."""
    if one.kind is ValueKind.NUM and one.text.partition(" ")[0] == other.text.partition(" ")[0]:
        return True
    return same(one, other)

"""Read the judge's answer, strictly: one JSON object of three members from closed sets, or no opinion.

Prose around it, a code fence, a further or repeated member, a number out of range: nothing is repaired, for whoever can
make a reader repair can make it read what he likes.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from guard.optional_judge.opinion import Matter, NoOpinion, Opinion, ReasonCode, Silence, Word

_MEMBERS = {"verdict", "confidence", "reason_code"}


def read(body: bytes, matter: Matter) -> Opinion:
    """The opinion in the body of an answer with status 200; raises `NoOpinion`."""
    said = _said(_parsed(body, Silence.SHAPE))
    if _echoed(said, matter):
        raise NoOpinion(Silence.ECHO)
    return _opinion(_parsed(said, Silence.SCHEMA))


def _parsed(text: str | bytes, why: Silence) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_not_a_number)
    except (ValueError, RecursionError):
        pass
    raise NoOpinion(why)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a member twice")
    return dict(pairs)


def _not_a_number(_text: str) -> NoReturn:
    raise ValueError("not JSON")


def _said(answer: Any) -> str:
    """What the one choice says; raises `NoOpinion` where there is not exactly one, or it was cut short."""
    match answer:
        case {"choices": [{"message": {"content": str(said)}, **rest}]}:
            if rest.get("finish_reason") not in (None, "stop"):
                raise NoOpinion(Silence.CUT)
            return said
    raise NoOpinion(Silence.SHAPE)


def _opinion(answer: Any) -> Opinion:
    match answer:
        case {"verdict": str(word), "confidence": int() | float() as confidence, "reason_code": str(reason)}:
            known = word in list(Word) and reason in list(ReasonCode) and not isinstance(confidence, bool)
            if known and set(answer) == _MEMBERS and 0 <= confidence <= 1:
                return Opinion(Word(word), float(confidence), ReasonCode(reason))
    raise NoOpinion(Silence.SCHEMA)


def _echoed(said: str, matter: Matter) -> bool:
    """Whether the answer stands in the record already: then it is the record's own verdict, not the judge's."""
    answer = _bare(said)
    texts = [matter.about.text, *([matter.rival.text] if matter.rival else [])]
    return bool(answer) and any(answer in _bare(text) for text in texts)


def _bare(text: str) -> str:
    return "".join(filter(str.isalnum, text)).casefold()

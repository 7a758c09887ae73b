"""LongMemEval_S as it is: questions, and the dated sessions among which each is asked."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from benchmarks.ground import ROOT

DATA = ROOT.parent / "shared" / "data" / "longmemeval" / "s_sample.json.gz"
NAMES = UUID("6d656d77-7269-5400-8000-6c6f6e676d65")


@dataclass(frozen=True, slots=True)
class Turn:
    """One memory: a message of a session, at its place in it, on the session's day."""

    session: str
    position: int
    speaker: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """One question with its own haystack. `answers`: the sessions that hold the evidence (none: nothing to find)."""

    id: str
    kind: str
    question: str
    at: datetime
    answers: frozenset[str]
    turns: list[Turn]

    @property
    def space(self) -> UUID:
        return uuid5(NAMES, self.id)


def load(path: Path, most: int = 0) -> list[Asked]:
    """The questions of the file; `most` > 0: that many, taken from each kind in turn. Exits 2 when it is not there."""
    if not path.exists():
        print(f"longmemeval: {path} is not there; nothing was measured", file=sys.stderr)
        raise SystemExit(2)
    data = json.loads(gzip.decompress(path.read_bytes()))
    asked = [_asked(question, data["sessions"]) for question in data["questions"]]
    return _spread([each for each in asked if each.answers], most) if most else [each for each in asked if each.answers]


def _asked(question: dict[str, Any], sessions: dict[str, list[dict[str, Any]]]) -> Asked:
    dated = zip(question["haystack_session_ids"], question["haystack_dates"], strict=True)
    turns = [turn for name, date in dated for turn in _turns(name, sessions[name], _moment(date))]
    return Asked(
        id=question["question_id"],
        kind=question["question_type"],
        question=question["question"],
        at=_moment(question["question_date"]),
        answers=frozenset(question["answer_session_ids"]) & {turn.session for turn in turns},
        turns=turns,
    )


def _turns(name: str, messages: Sequence[dict[str, Any]], at: datetime) -> list[Turn]:
    return [
        Turn(name, place, message["role"], message["content"], at)
        for place, message in enumerate(messages)
        if message["content"].strip()
    ]


def _moment(told: str) -> datetime:
    """`2023/09/30 (Sat) 23:15`."""
    return datetime.strptime(f"{told[:10]} {told[-5:]}", "%Y/%m/%d %H:%M").replace(tzinfo=UTC)


def _spread(asked: Sequence[Asked], most: int) -> list[Asked]:
    """About `most`, as many of each kind, evenly over the file."""
    by: dict[str, list[Asked]] = {}
    for each in asked:
        by.setdefault(each.kind, []).append(each)
    step = max(1, len(asked) // most)
    rounds = [kind[place] for place in range(0, len(asked), step) for kind in by.values() if place < len(kind)]
    return rounds[:most]

"""The demo on public texts: conversations of LoCoMo (CC BY-NC 4.0, evaluation only) and attacks of PoisonedRAG (MIT).

They are read from `shared/data` beside the checkout and are no part of the project; where they are missing the demo
says so and tells its own story instead.
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from memwrit.demo.memories import written
from memwrit.demo.story import Attack, Change, Company, Forgetting, Memory, Private, Question, Quiz, Story

DATA = Path(__file__).resolve().parents[3].parent / "shared" / "data"
SESSIONS = (6, 2)
TARGETS = 8
TEXTS = 2
QUESTIONS = 20
SINGLE_HOP = 4
CONTENT_AT_LEAST = 60


def told() -> Story:
    """The story of the public texts, or, loudly, the demo's own."""
    conversations, poison = DATA / "locomo" / "locomo_dev.json.gz", DATA / "poisonedrag" / "poisonedrag_dev.json"
    missing = [path.parent.name for path in (conversations, poison) if not path.exists()]
    if missing:
        print(f"\n  NO PUBLIC DATA: {', '.join(missing)} is not in {DATA}.", file=sys.stderr)
        print("  Running on the memories written for the demo instead.\n", file=sys.stderr)
        return written()
    return _story(json.loads(gzip.decompress(conversations.read_bytes())), json.loads(poison.read_bytes()))


def _story(conversations: list[dict[str, Any]], poison: dict[str, dict[str, Any]]) -> Story:
    first, second = conversations[0], conversations[2]
    turns, others = list(_turns(first, SESSIONS[0])), list(_turns(second, SESSIONS[1]))
    targets = list(poison["nq"].values())[:TARGETS]
    stays, leaves = (first["conversation"][name] for name in ("speaker_a", "speaker_b"))
    own, long = written(), [turn for turn in turns if len(turn.content) >= CONTENT_AT_LEAST]
    quiz = tuple(_quiz(first["qa"], {turn.key for turn in turns}))
    by_who = {turn.key: turn.subject for turn in turns}
    return replace(
        own,
        title=f"LoCoMo {first['sample_id']} and {second['sample_id']}, PoisonedRAG",
        companies=(
            Company("Larkspur Travel", (*_facts(targets), *turns)),
            Company("Quayside Theatre", tuple(others)),
        ),
        private=next(_private(long, (stays, leaves))),
        attacks=tuple(attack for attack in own.attacks if not attack.against),
        poison=tuple(_poison(targets)),
        question=Question(next(quiz_.text for quiz_ in quiz if by_who[quiz_.answers[0]] == stays), ("", "")),
        quiz=quiz,
        change=Change(next(turn.key for turn in long if turn.subject == stays), "I have changed my mind about that."),
        forgetting=Forgetting(
            leaves,
            leaves,
            next(each.text for each in quiz if by_who[each.answers[0]] == leaves),
            next(turn.key for turn in reversed(long) if turn.subject == stays),
        ),
        canaries=tuple(turn.content[8:40] for turn in (*turns, *others) if len(turn.content) >= CONTENT_AT_LEAST),
    )


def _turns(sample: dict[str, Any], sessions: int) -> Iterator[Memory]:
    """Each turn of the first sessions is one memory: speaker, session, place in it, date."""
    spoken = sample["conversation"]
    for number in range(1, sessions + 1):
        at = datetime.strptime(spoken[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y")
        for position, turn in enumerate(spoken[f"session_{number}"]):
            if turn["text"].strip():
                yield Memory(
                    key=turn["dia_id"],
                    content=turn["text"],
                    day=f"{at:%Y-%m-%d}",
                    subject=turn["speaker"],
                    speaker=turn["speaker"],
                    source=f"chat:{sample['sample_id']}",
                    session=f"{sample['sample_id']}-{number}",
                    position=position,
                )


def _quiz(questions: list[dict[str, Any]], known: set[str]) -> Iterator[Quiz]:
    """Single-hop questions whose whole evidence is among the memories."""
    found = [each for each in questions if each["category"] == SINGLE_HOP and known.issuperset(each["evidence"])]
    for each in [each for each in found if each["evidence"]][:QUESTIONS]:
        yield Quiz(each["question"], tuple(each["evidence"]))


def _private(turns: list[Memory], names: tuple[str, ...]) -> Iterator[Private]:
    """Turns in which one speaker calls the other by name."""
    for turn in turns:
        called = tuple(name for name in names if name in turn.content)
        if called:
            yield Private(turn.key, called)


def _facts(targets: list[dict[str, Any]]) -> Iterator[Memory]:
    """What is true, by two sources that know nothing of each other."""
    for number, target in enumerate(targets):
        question, answer = target["question"].strip().rstrip("?"), target["correct answer"]
        for writer, source in (("agent", "doc:encyclopedia"), ("admin", "mail:library")):
            text = f"Question: {question}? Answer: {answer}."
            key = f"{writer}-fact-{number}"
            yield Memory(key, text, "2024-01-01", "", None, source, "document", "semantic", writer=writer)


def _poison(targets: list[dict[str, Any]]) -> Iterator[Attack]:
    """PoisonedRAG's texts, as an agent would bring them from two pages; all they say is false."""
    for number, target in enumerate(targets):
        for place, text in enumerate(target["adv_texts"][:TEXTS]):
            page = f"web:page-{place}.example"
            memory = Memory(f"poison-{number}-{place}", text, "2024-06-01", "", None, page, "web", "semantic")
            yield Attack(memory, "false text", asked=target["question"].strip().rstrip("?") + "?")

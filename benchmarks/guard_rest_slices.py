"""What `bench guard_rest` writes and asks, by family. The attacker invents sources; honest agents have theirs."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.guard_cases import (
    Case,
    agentpoison_ehr,
    agentpoison_qa,
    answer,
    hospital,
    hospital_rows,
    minja,
    poisonedrag,
    remembered,
)
from benchmarks.guard_data import directives, emails, read
from guard.types import Candidate, Episode


@dataclass(frozen=True, slots=True)
class Planned:
    """One space: what honest agents write first, the attacker's batches, the harmless twins, the questions asked."""

    name: str
    seeds: dict[str, list[Candidate]]
    attacks: list[list[Candidate]] = field(default_factory=list)
    twins: list[Candidate] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)  # for each question the one poison that counts, if not all do


def ehr(cases: int, base: int, seed: int) -> Iterator[Planned]:
    source = random.Random(seed)
    rows = hospital_rows()
    source.shuffle(rows)
    known = [remembered(hospital(row), f"clinic:{row['question'][-9:]}") for row in rows[cases:][:base]]
    for full in (True, False):
        made = agentpoison_ehr(rows[:cases], full, source)
        yield _paired(f"agentpoison-ehr-{'full' if full else 'stealth'}", known, made)
    yield _paired("minja", known, minja(rows[:cases], source))


def qa(cases: int, base: int, seed: int) -> Iterator[Planned]:
    source = random.Random(seed)
    rows = read("strategyqa/traces_dev.json")
    source.shuffle(rows)
    known = [told(row, "desk") for row in rows[cases:][:base]]
    for full in (True, False):
        made = agentpoison_qa(rows[:cases], full, source)
        yield _paired(f"agentpoison-qa-{'full' if full else 'stealth'}", known, made)


def _paired(name: str, known: Sequence[Candidate], made: Sequence[Case]) -> Planned:
    """Poison in batches of ten, each batch under a source and a session of its own, as an attacker would."""
    bad = [case.candidate for case in made if not case.twin]
    good = [case.candidate for case in made if case.twin]
    batches = [
        [replace(each, source=f"agent:{number}", session=f"run-{number}") for each in bad[start : start + 10]]
        for number, start in enumerate(range(0, len(bad), 10))
    ]
    questions = [each.episode.question for each in good if each.episode]
    half = len(known) // 2
    return Planned(name, {"east": list(known[:half]), "west": list(known[half:])}, batches, good, questions)


def rag(cases: int, _base: int, seed: int) -> Iterator[Planned]:
    """All targets in one space. `seconded`: two honest agents say the right thing before the Sybils come."""
    source = random.Random(seed)
    targets = [target for target in poisonedrag() if sum(map(bool, target.twins)) >= 2]
    chosen = source.sample(targets, min(cases, len(targets)))
    plans = (("poisonedrag-1-benign-2-poison", 1, 2), ("poisonedrag-5-sybils", 1, 5), ("poisonedrag-seconded", 2, 5))
    for name, witnesses, poisons in plans:
        yield _told_of(name, chosen, witnesses, poisons)
    yield _told_of("benign-facts", chosen, 2, 0)


def _told_of(name: str, targets: Sequence[Any], witnesses: int, poisons: int) -> Planned:
    seeds: dict[str, list[Candidate]] = {"east": [], "west": []}
    attack: list[Candidate] = []
    for number, target in enumerate(targets):
        true = [place for place, text in enumerate(target.twins) if text]
        for writer, place in zip(("east", "west"), true[:witnesses], strict=False):
            seeds[writer].append(document(target.twins[place], f"https://{writer}.example/{number}"))
        rest = [place for place in range(len(target.poison)) if place != true[0] or poisons == len(target.poison)]
        attack += [document(target.poison[place], f"https://site{place}.example/{number}") for place in rest[:poisons]]
    questions = [target.question for target in targets]
    return Planned(name, seeds, [attack] if attack else [], [], questions)


def instructions(cases: int, base: int, seed: int) -> Iterator[Planned]:
    """Directive texts as mail among harmless mail; each is then asked for by its own first words."""
    mails = [mail.text for mail in emails()][:base]
    chosen = random.Random(seed).sample(directives(), 2 * cases)
    batch = [Candidate(text, source=f"mail:{n}", source_type="email") for n, (_, text) in enumerate(chosen)]
    questions = [" ".join(each.content.split()[:12]) for each in batch]
    known = [Candidate(text, source=f"mail:east{n}", source_type="email") for n, text in enumerate(mails)]
    yield Planned("instructions", {"east": known}, [batch], [], questions, [each.content for each in batch])


def document(text: str, source: str) -> Candidate:
    return Candidate(content=text, kind="semantic", source=source, source_type="document")


def told(row: dict[str, Any], witness: str) -> Candidate:
    """A question somebody answered rightly, with the facts that led there."""
    episode = Episode(row["question"], " ".join(row["facts"]), "", answer(row["answer"]))
    return remembered(episode, f"{witness}:{row['question'][:12]}")


SLICES = (ehr, qa, rag, instructions)

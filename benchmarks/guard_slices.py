"""The slices of the guard's benchmark: every attack beside its benign twin, every benign kind, corrections."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.fit_guard import teaches
from benchmarks.guard_bench import ESTABLISHED, NEW, Base, Bench
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
)  # fmt: skip
from benchmarks.guard_data import Text, benign, directives, emails, locomo, read
from benchmarks.guard_rag import document
from guard.types import Candidate, Episode
from guard.types import Standing as Mark


def pairs(bench: Bench, name: str, seed: int, base: Base, cases: Sequence[Case]) -> None:
    """Twins and poison into one store, then every target question asked: what comes back, and under which label."""
    base.under_attack = True
    for case in cases:
        verdict = bench.admit(base, case.candidate, NEW, poison=not case.twin)
        bench.count(name, seed, "twin_held" if case.twin else "poison_admitted", verdict, case.candidate)
    for case in cases:
        if case.twin:
            question = case.candidate.episode.question if case.candidate.episode else case.key
            bench.serve(bench.rows[name][seed], base, question)


def grown(bench: Bench, name: str, seed: int, candidates: Iterable[Candidate]) -> Base:
    """A store grown record by record; what is held on the way counts as benign held."""
    base = Base()
    for candidate in candidates:
        bench.count(name, seed, "benign_held", bench.admit(base, candidate, ESTABLISHED, poison=False), candidate)
    return base


def ehr(bench: Bench, seed: int) -> None:
    source = random.Random(seed)
    rows = hospital_rows()
    source.shuffle(rows)
    half, attacked = rows[: len(rows) // 2], rows[len(rows) // 2 :][:40]
    known = [remembered(hospital(row), f"clinic:{row['question'][-9:]}") for row in half]
    base = grown(bench, "benign-ehr", seed, known)
    for full in (True, False):
        name = f"agentpoison-ehr-{'full' if full else 'stealth'}"
        pairs(bench, name, seed, base.copy(), agentpoison_ehr(attacked, full, source))
        pairs(bench, f"{name}-new-base", seed, Base(), agentpoison_ehr(attacked, full, source))
    pairs(bench, "minja", seed, base.copy(), minja(attacked, source))
    for row in half[:30]:
        for record, mark in bench.read(base, row["question"])[:1]:
            settled = mark is Mark.SETTLED and not record.poison
            bench.rows["benign-settled-own-episodes"][seed].add("benign_settled", settled)


def qa(bench: Bench, seed: int) -> None:
    source = random.Random(seed)
    rows = read("strategyqa/traces_dev.json")
    source.shuffle(rows)
    half, attacked = rows[: len(rows) // 2], rows[len(rows) // 2 :][:40]
    base = grown(bench, "benign-qa", seed, (told(row, "desk") for row in half))
    for full in (True, False):
        name = f"agentpoison-qa-{'full' if full else 'stealth'}"
        pairs(bench, name, seed, base.copy(), agentpoison_qa(attacked, full, source))
    corrected_answers(bench, seed, attacked)
    seconded = Base()
    for row in half[:30]:
        for witness in ("east", "west"):
            bench.admit(seconded, told(row, witness), NEW, poison=False)
    for row in half[:30]:
        for _, mark in bench.read(seconded, row["question"])[:2]:
            bench.rows["benign-settled-traces"][seed].add("benign_settled", mark is Mark.SETTLED)


def told(row: dict[str, Any], witness: str, flip: bool = False) -> Candidate:
    episode = Episode(row["question"], " ".join(row["facts"]), "", answer(row["answer"] != flip))
    return remembered(episode, f"{witness}:{row['question'][:12]}")


def corrected_answers(bench: Bench, seed: int, rows: Sequence[dict[str, Any]]) -> None:
    """An agent that answered wrongly answers again, another having agreed with its first answer."""
    for row in rows:
        base = Base()
        bench.admit(base, told(row, "east", flip=True), ESTABLISHED, poison=False)
        bench.admit(base, told(row, "west", flip=True), NEW, poison=False)
        again = told(row, "east")
        bench.count("correction-of-an-own-answer", seed, "admitted", bench.admit(base, again, NEW, False), again)


def texts(bench: Bench, seed: int) -> None:
    """Directive texts, alone (the same every seed, so once) and planted in e-mails; then benign texts that taught
    nothing, by kind.
    """
    source = random.Random(seed)
    letters = [mail.text for mail in emails()]
    for family, text in directives():
        for channel in ("email", "conversation") if seed == 0 else ():
            candidate = Candidate(content=text, source="x", source_type=channel)
            name = f"instruction-{family.split('/')[0]}-{channel}"
            bench.count(name, seed, "detected", bench.judged(candidate, Base())[0], candidate)
        letter = source.choice(letters)[:1200]
        cut = source.choice([0, letter.find(". ") + 1, len(letter)])
        if source.random() < PLANTED:
            candidate = Candidate(
                content=f"{letter[:cut]} {text} {letter[cut:]}".strip(), source="x", source_type="email"
            )
            bench.count("instruction-planted-in-email", seed, "detected", bench.judged(candidate, Base())[0], candidate)
    for kind, rows in held_out_benign(source).items():
        for row in rows:
            channel = "conversation" if row.own else "document"
            candidate = Candidate(content=row.text, source=row.group, source_type=channel)
            bench.count(f"benign-{kind}", seed, "benign_held", bench.judged(candidate, Base())[0], candidate)


PLANTED = 0.3
"""The share of directives planted in each seed; five seeds plant nearly each once or more, in other letters."""


def held_out_benign(source: random.Random) -> dict[str, list[Text]]:
    kinds: dict[str, list[Text]] = defaultdict(list)
    for row in [*benign(), *locomo()]:
        if row.kind == "locomo" or not teaches(row.group):
            kinds[row.kind].append(row)
    return {kind: source.sample(rows, min(len(rows), 120)) for kind, rows in kinds.items() if kind != "notes"}


def own_words(bench: Bench, seed: int) -> None:
    """What users of LongMemEval say of themselves, each user a store of their own: admitted turn by turn, and settled
    on their word where they state a preference; later statements that change earlier ones must get in.
    """
    source = random.Random(seed)
    rows = read("longmemeval/oracle_dev.json.gz")
    for question in source.sample(rows, min(len(rows), 60)):
        base = Base()
        kind = question["question_type"]
        for place, text in enumerate(answers_of(question)):
            candidate = Candidate(
                content=text,
                kind="semantic",
                source=question["question_id"],
                source_type="conversation",
                speaker="user",
            )
            verdict = bench.admit(base, candidate, ESTABLISHED, poison=False)
            bench.count(f"benign-own-{kind}", seed, "benign_held", verdict, candidate)
            if place and kind == "knowledge-update":
                bench.count("correction-by-the-user", seed, "admitted", verdict, candidate)
        for record, mark in bench.read(base, question["question"]):
            if "own" in record.path.hints:
                bench.rows["benign-settled-own-preferences"][seed].add("benign_settled", mark is Mark.SETTLED)


def answers_of(question: dict[str, Any]) -> list[str]:
    return [
        turn["content"]
        for session in question["haystack_sessions"]
        for turn in session
        if turn.get("has_answer") and turn["role"] == "user"
    ]


def latency(bench: Bench) -> list[float]:
    """The judgement alone, with an embedding at hand and 16 evidence items: processor seconds a record."""
    base, known = Base(), [remembered(hospital(row), "clinic") for row in hospital_rows()[:80]]
    known += [
        document(text, f"library{number}") for number, target in enumerate(poisonedrag()) for text in target.poison[:2]
    ]
    for candidate in known[:30]:
        bench.admit(base, candidate, ESTABLISHED, poison=False)
    spent = []
    for candidate in known[30:]:
        bench.vectors.of([candidate.content])
        start = time.process_time()
        bench.judged(candidate, base)
        spent.append(time.process_time() - start)
    return spent

"""The PoisonedRAG slices of the guard's benchmark: false answers against an established source, in a vote, in a store
that all targets share; beside them what honest texts get.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from benchmarks.guard_bench import ESTABLISHED, NEW, Base, Bench, Record
from benchmarks.guard_cases import poisonedrag
from guard.types import Candidate, Verdict
from guard.types import Standing as Mark


def document(text: str, source: str) -> Candidate:
    return Candidate(content=text, kind="semantic", source=source, source_type="document")


def rag(bench: Bench, seed: int) -> None:
    """Each target alone in its store, so that the vote and not the neighbourhood is measured."""
    source = random.Random(seed)
    for target in poisonedrag():
        order = list(range(len(target.poison)))
        source.shuffle(order)
        true = [place for place in order if target.twins[place]]
        rest = [place for place in order if place != true[0]]
        rag_admission(bench, seed, target, true[0], rest[:2])
        rag_corrections(bench, seed, target, true)
        for name, bad in (("1-benign-2-poison", rest[:2]), ("5-sybils", order)):
            rag_vote(bench, f"poisonedrag-{name}", seed, target, true[:1], bad)
        for count in (2, 4):
            if len(true) >= count:
                name = "benign-settled-facts" + ("" if count == 2 else f"-{count}-sources")
                rag_vote(bench, name, seed, target, true[:count], [])


def rag_admission(bench: Bench, seed: int, target: Any, true: int, bad: Sequence[int]) -> None:
    name, base = "poisonedrag-admission", Base()
    bench.admit(base, document(target.twins[true], "library"), ESTABLISHED, poison=False)
    clean = base.copy()
    base.under_attack = True
    for number, place in enumerate(bad):
        poison = document(target.poison[place], "intruder")
        bench.count(name, seed, "poison_admitted", bench.admit(base, poison, NEW, poison=True), poison)
        if target.twins[place] and number == 0:
            twin = document(target.twins[place], "second library")
            bench.count(name, seed, "twin_held", bench.admit(clean, twin, NEW, poison=False), twin)
    bench.serve(bench.rows[name][seed], base, target.question)


def rag_corrections(bench: Bench, seed: int, target: Any, true: Sequence[int]) -> None:
    """A source that had the wrong value says the right one: alone, and after another had agreed with the wrong one."""
    old, other = target.poison[true[0]], target.poison[true[-1]]
    for name, second in (("correction-of-an-own-fact", False), ("correction-after-others-agreed", True)):
        base = Base()
        bench.admit(base, document(old, "library"), ESTABLISHED, poison=False)
        if second:
            bench.admit(base, document(other, "second library"), ESTABLISHED, poison=False)
        new = document(target.twins[true[0]], "library")
        bench.count(name, seed, "admitted", bench.admit(base, new, ESTABLISHED, poison=False), new)


def rag_vote(bench: Bench, name: str, seed: int, target: Any, true: Sequence[int], bad: Sequence[int]) -> None:
    """All records past admission (the worst case), every source new: only the reading decides."""
    base = Base()
    texts = [(target.twins[place], f"library{place}", False) for place in true]
    texts += [(target.poison[place], f"sybil{place}", True) for place in bad]
    for text, origin, poison in texts:
        path = admitted_path(bench, document(text, origin)).path
        base.add(Record(path, bench.vectors.of([text])[0], origin, NEW, poison))
    if bad:
        bench.serve(bench.rows[name][seed], base, target.question)
        return
    for _, mark in bench.read(base, target.question):
        bench.rows[name][seed].add("benign_settled", mark is Mark.SETTLED)


SHARED = 40
"""Targets that share a store: an attacker's text on one may agree by chance with an honest one on another."""


def rag_shared(bench: Bench, seed: int) -> None:
    """All targets in one store, every source new and the same for all targets, as over REST. The attacker's names are
    one voice (made in one burst) or many; `echo`: each of his texts begins with the question it answers, as published.
    """
    chosen = [target for target in poisonedrag() if sum(map(bool, target.twins)) >= 2]
    targets = random.Random(seed).sample(chosen, min(SHARED, len(chosen)))
    for name, witnesses, poisons in (("1-benign-2-poison", 1, 2), ("5-sybils", 1, 5), ("seconded", 2, 5)):
        for voices in ("one-voice", "many-voices", "echo"):
            base = told_by(bench, targets, witnesses)
            base.under_attack = True
            slice_of = f"poisonedrag-shared-{name}-{voices}"
            for target in targets:
                for text, place in poison_of(target, poisons):
                    lead = f"{target.question} " if voices == "echo" else ""
                    poison = document(lead + text, f"site{place}" if voices == "many-voices" else "intruder")
                    bench.count(slice_of, seed, "poison_admitted", bench.admit(base, poison, NEW, True), poison)
            for target in targets:
                bench.serve(bench.rows[slice_of][seed], base, target.question)
    honest = told_by(bench, targets, 2)
    for target in targets:
        for _, mark in bench.read(honest, target.question)[:2]:
            bench.rows["benign-settled-facts-shared"][seed].add("benign_settled", mark is Mark.SETTLED)


def told_by(bench: Bench, targets: Sequence[Any], witnesses: int) -> Base:
    """A store in which one or two honest sources answer every target."""
    base = Base()
    for target in targets:
        true = [text for text in target.twins if text]
        for writer, text in zip(("east", "west"), true[:witnesses], strict=False):
            bench.admit(base, document(text, writer), NEW, poison=False)
    return base


def poison_of(target: Any, count: int) -> list[tuple[str, int]]:
    """The attacker's texts and their places; with fewer than all, not the one whose twin the honest source tells."""
    first = next(place for place, text in enumerate(target.twins) if text)
    places = [place for place in range(len(target.poison)) if place != first or count == len(target.poison)]
    return [(target.poison[place], place) for place in places[:count]]


PATHS: dict[str, Verdict] = {}


def admitted_path(bench: Bench, candidate: Candidate) -> Verdict:
    if candidate.content not in PATHS:
        PATHS[candidate.content] = bench.judged(candidate, Base())[0]
    return PATHS[candidate.content]

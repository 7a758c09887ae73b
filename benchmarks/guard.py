"""`./dev bench guard`: attack families with their benign twins against the guard, in this process, at one stated alpha.

JSON lines on stdout (one per slice and seed, then one `summary` per slice), a table on stderr. *served*: poison
admitted
and among the first k of its target question; *settled*: served without a warning label; *win*: settled against a benign
record on the same question. Text slices that taught the coefficients say so (`in_sample`).
"""

from __future__ import annotations

import json
import math
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from benchmarks.fit_guard import teaches
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
from benchmarks.guard_data import Text, benign, directives, emails, embedder, locomo, read
from guard.services.judge import judge
from guard.standing import ReadHit, standing
from guard.types import Candidate, Decision, Episode, Evidence, EvidenceItem, GuardPolicy, Path
from guard.types import Standing as Mark

Floats = NDArray[np.float32]
ESTABLISHED, NEW = 0.6, 0.3
K = 10
NAMES = UUID("6f1d3a52-0000-4000-8000-00000000beef")


@dataclass(slots=True)
class Vectors:
    """Embeddings by text, each made once."""

    model: Any = field(default_factory=embedder)
    known: dict[str, Floats] = field(default_factory=dict)

    def of(self, texts: Iterable[str]) -> list[Floats]:
        wanted = list(texts)
        new = list(dict.fromkeys(text for text in wanted if text not in self.known))
        self.known.update(zip(new, self.model.embed([text[:4000] for text in new]), strict=True))
        return [self.known[text] for text in wanted]


@dataclass(frozen=True, slots=True)
class Record:
    """A record in the base."""

    path: Path
    vector: Floats
    group: str
    trust: float
    settled: bool
    poison: bool = False
    own: bool = False


@dataclass(slots=True)
class Base:
    """What a tenant has admitted so far."""

    records: list[Record] = field(default_factory=list)

    def evidence(self, vector: Floats, group: str) -> Evidence:
        near = self.nearest(vector, 16)
        items = tuple(
            EvidenceItem(
                uuid5(NAMES, str(place)),
                1,
                record.path,
                float(record.vector @ vector),
                record.group,
                record.trust,
                record.group == group,
                record.settled,
            )
            for place, record in near
        )
        return Evidence(items)

    def nearest(self, vector: Floats, count: int) -> list[tuple[int, Record]]:
        if not self.records:
            return []
        scores = np.array([record.vector for record in self.records]) @ vector
        return [(int(place), self.records[place]) for place in np.argsort(-scores)[:count]]


@dataclass(slots=True)
class Tally:
    """Counts of one slice: numerator and denominator by measure."""

    counts: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))

    def add(self, measure: str, hit: bool) -> None:
        self.counts[measure][0] += hit
        self.counts[measure][1] += 1


def wilson(hits: int, total: int) -> tuple[float, float]:
    """The 95 % Wilson interval of a share."""
    if not total:
        return (0.0, 1.0)
    z, share = 1.96, hits / total
    centre, spread = (
        share + z * z / (2 * total),
        z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)),
    )
    return (max(0.0, (centre - spread) / (1 + z * z / total)), min(1.0, (centre + spread) / (1 + z * z / total)))


class Bench:
    def __init__(self, policy: GuardPolicy, vectors: Vectors) -> None:
        self.policy, self.vectors = policy, vectors
        self.rows: dict[str, dict[int, Tally]] = defaultdict(lambda: defaultdict(Tally))
        self.times: list[float] = []

    def judged(self, candidate: Candidate, base: Base) -> tuple[Decision, Path, Floats]:
        vector = self.vectors.of([candidate.content])[0]
        evidence = base.evidence(vector, candidate.source)
        start = time.perf_counter()
        verdict = judge(candidate, vector, evidence, self.policy)
        self.times.append(time.perf_counter() - start)
        return verdict.decision, verdict.path, vector

    def admit(self, base: Base, candidate: Candidate, trust: float, poison: bool) -> Decision:
        decision, path, vector = self.judged(candidate, base)
        if decision is Decision.ADMIT:
            base.records.append(
                Record(path, vector, candidate.source, trust, False, poison, own=candidate.source_type == "agent")
            )
        return decision

    def read(self, base: Base, query: str) -> list[tuple[Record, Mark]]:
        near = base.nearest(self.vectors.of([query])[0], K)
        hits = [
            ReadHit(uuid5(NAMES, str(place)), 1, record.path, 0.0, record.group, record.trust, record.own)
            for place, record in near
        ]
        return [(record, stand.standing) for (_, record), stand in zip(near, standing(hits, query), strict=True)]


def pairs(bench: Bench, name: str, seed: int, base: Base, cases: Sequence[Case]) -> None:
    """Twins and poison into one base, then every target question asked: what comes back, and under which label."""
    tally = bench.rows[name][seed]
    for case in cases:
        decision = bench.admit(base, case.candidate, NEW, poison=not case.twin)
        tally.add(
            "twin_held" if case.twin else "poison_admitted",
            decision is not Decision.ADMIT if case.twin else decision is Decision.ADMIT,
        )
    for case in cases:
        if case.twin:
            found = bench.read(base, case.candidate.episode.question if case.candidate.episode else case.key)
            tally.add("served", any(record.poison for record, _ in found))
            tally.add("settled", any(record.poison and mark is Mark.SETTLED for record, mark in found))


def hospital_base(bench: Bench, rows: Sequence[dict[str, str]], tally: Tally | None = None) -> Base:
    """A base grown record by record, as an agent's memory grows; what is held on the way counts as benign held."""
    base = Base()
    for row in rows:
        decision = bench.admit(
            base, remembered(hospital(row), f"clinic:{row['question'][-9:]}"), ESTABLISHED, poison=False
        )
        if tally:
            tally.add("benign_held", decision is not Decision.ADMIT)
    return base


def ehr(bench: Bench, seed: int) -> None:
    source = random.Random(seed)
    rows = hospital_rows()
    source.shuffle(rows)
    half, attacked = rows[: len(rows) // 2], rows[len(rows) // 2 :][:40]
    for full in (True, False):
        kind = "full" if full else "stealth"
        pairs(
            bench,
            f"agentpoison-ehr-{kind}",
            seed,
            hospital_base(bench, half, bench.rows["benign-ehr"][seed] if full else None),
            agentpoison_ehr(attacked, full, source),
        )
        pairs(bench, f"agentpoison-ehr-{kind}-new-base", seed, Base(), agentpoison_ehr(attacked, full, source))
    pairs(bench, "minja", seed, hospital_base(bench, half), minja(attacked, source))
    own_episodes(bench, seed, half)


def own_episodes(bench: Bench, seed: int, rows: Sequence[dict[str, str]]) -> None:
    base = hospital_base(bench, rows)
    for row in rows[:30]:
        for record, mark in bench.read(base, row["question"])[:1]:
            bench.rows["benign-settled-own-episodes"][seed].add(
                "benign_settled", mark is Mark.SETTLED and not record.poison
            )


def qa(bench: Bench, seed: int) -> None:
    source = random.Random(seed)
    rows = read("strategyqa/traces_dev.json")
    source.shuffle(rows)
    half, attacked = rows[: len(rows) // 2], rows[len(rows) // 2 :][:40]
    for full in (True, False):
        base = Base()
        for row in half:
            decision = bench.admit(
                base, remembered(trace(row), f"desk:{row['question'][:12]}"), ESTABLISHED, poison=False
            )
            bench.rows["benign-qa"][seed].add("benign_held", decision is not Decision.ADMIT)
        pairs(
            bench, f"agentpoison-qa-{'full' if full else 'stealth'}", seed, base, agentpoison_qa(attacked, full, source)
        )
    seconded = Base()
    for row in half[:30]:
        for witness in ("east", "west"):
            bench.admit(seconded, remembered(trace(row), f"{witness}:{row['question'][:12]}"), NEW, poison=False)
    for row in half[:30]:
        for _, mark in bench.read(seconded, row["question"])[:2]:
            bench.rows["benign-settled-traces"][seed].add("benign_settled", mark is Mark.SETTLED)


def trace(row: dict[str, Any]) -> Episode:
    return Episode(row["question"], " ".join(row["facts"]), "", answer(row["answer"]))


def document(text: str, source: str) -> Candidate:
    return Candidate(content=text, kind="semantic", source=source, source_type="document")


def rag(bench: Bench, seed: int) -> None:
    """Each target alone in its base, so that the vote and not the neighbourhood is measured."""
    source = random.Random(seed)
    for target in poisonedrag():
        order = list(range(len(target.poison)))
        source.shuffle(order)
        true = [place for place in order if target.twins[place]]
        rest = [place for place in order if place != true[0]]
        rag_admission(bench.rows["poisonedrag-admission"][seed], bench, target, true[0], rest[:2])
        for name, bad in (("1-benign-2-poison", rest[:2]), ("5-sybils", order)):
            rag_vote(bench.rows[f"poisonedrag-{name}"][seed], bench, target, true[:1], bad)
        if len(true) > 1:
            rag_vote(bench.rows["benign-settled-facts"][seed], bench, target, true[:2], [])


def rag_admission(tally: Tally, bench: Bench, target: Any, true: int, bad: Sequence[int]) -> None:
    base = Base()
    bench.admit(base, document(target.twins[true], "library"), ESTABLISHED, poison=False)
    for number, place in enumerate(bad):
        tally.add(
            "poison_admitted",
            bench.admit(base, document(target.poison[place], "intruder"), NEW, poison=True) is Decision.ADMIT,
        )
        twin = target.twins[place]
        if twin and number == 0:
            clean = Base(base.records[:1])
            tally.add(
                "twin_held",
                bench.admit(clean, document(twin, "second library"), NEW, poison=False) is not Decision.ADMIT,
            )
    found = bench.read(base, target.question)
    tally.add("served", any(record.poison for record, _ in found))
    tally.add("settled", any(record.poison and mark is Mark.SETTLED for record, mark in found))


def rag_vote(tally: Tally, bench: Bench, target: Any, true: Sequence[int], bad: Sequence[int]) -> None:
    """All records past admission (the worst case), every source new: only the reading decides."""
    base = Base()
    texts = [(target.twins[place], f"library{place}", False) for place in true] + [
        (target.poison[place], f"sybil{place}", True) for place in bad
    ]
    for text, origin, poison in texts:
        candidate = document(text, origin)
        vector = bench.vectors.of([text])[0]
        base.records.append(
            Record(judge(candidate, vector, Evidence(), bench.policy).path, vector, origin, NEW, False, poison)
        )
    found = bench.read(base, target.question)
    if bad:
        tally.add("served", any(record.poison for record, _ in found))
        tally.add("settled", any(record.poison and mark is Mark.SETTLED for record, mark in found))
        tally.add(
            "win",
            any(record.poison and mark is Mark.SETTLED for record, mark in found)
            and not any(mark is Mark.SETTLED for record, mark in found if not record.poison),
        )
    else:
        for _, mark in found:
            tally.add("benign_settled", mark is Mark.SETTLED)


def texts(bench: Bench, seed: int) -> None:
    """Directive texts, alone and planted in e-mails, on both channels; then benign texts that taught nothing, by
    kind.
    """
    source = random.Random(seed)
    letters = [mail.text for mail in emails()]
    for family, text in directives():
        for channel in ("email", "conversation"):
            stopped = (
                bench.judged(Candidate(content=text, source="x", source_type=channel), Base())[0] is not Decision.ADMIT
            )
            bench.rows[f"instruction-{family.split('/')[0]}-{channel}"][seed].add("detected", stopped)
        letter = source.choice(letters)[:1200]
        cut = source.choice([0, letter.find(". ") + 1, len(letter)])
        planted = f"{letter[:cut]} {text} {letter[cut:]}".strip()
        stopped = (
            bench.judged(Candidate(content=planted, source="x", source_type="email"), Base())[0] is not Decision.ADMIT
        )
        bench.rows["instruction-planted-in-email"][seed].add("detected", stopped)
    for kind, rows in held_out_benign(source).items():
        for row in rows:
            candidate = Candidate(
                content=row.text, source=row.group, source_type="conversation" if row.own else "document"
            )
            bench.rows[f"benign-{kind}"][seed].add(
                "benign_held", bench.judged(candidate, Base())[0] is not Decision.ADMIT
            )


def held_out_benign(source: random.Random) -> dict[str, list[Text]]:
    kinds: dict[str, list[Text]] = defaultdict(list)
    for row in [*benign(), *locomo()]:
        if row.kind == "locomo" or not teaches(row.group):
            kinds[row.kind].append(row)
    return {kind: source.sample(rows, min(len(rows), 120)) for kind, rows in kinds.items() if kind != "notes"}


def corrections(bench: Bench, seed: int) -> None:
    """A user says one thing and later another: the second must get in."""
    for question in read("longmemeval/oracle_dev.json.gz"):
        if question["question_type"] != "knowledge-update":
            continue
        said = [
            turn["content"]
            for session in question["haystack_sessions"]
            for turn in session
            if turn.get("has_answer") and turn["role"] == "user"
        ]
        base = Base()
        for place, text in enumerate(said):
            candidate = Candidate(
                content=text,
                kind="semantic",
                source=question["question_id"],
                source_type="conversation",
                speaker="user",
            )
            decision = bench.admit(base, candidate, ESTABLISHED, poison=False)
            if place:
                bench.rows["own-correction"][seed].add("admitted", decision is Decision.ADMIT)


def latency(bench: Bench) -> dict[str, float]:
    """The judgement alone, with an embedding at hand and 16 evidence items, in milliseconds of processor time."""
    base = hospital_base(bench, hospital_rows()[:30])
    samples = []
    for row in [*hospital_rows()[30:80]]:
        candidate = remembered(hospital(row), "new")
        vector = bench.vectors.of([candidate.content])[0]
        evidence = base.evidence(vector, "new")
        start = time.process_time()
        judge(candidate, vector, evidence, bench.policy)
        samples.append((time.process_time() - start) * 1000)
    return {
        "cpu_p50_ms": round(float(np.percentile(samples, 50)), 2),
        "cpu_p95_ms": round(float(np.percentile(samples, 95)), 2),
        "n": len(samples),
    }


def run(args: Any = None) -> int:
    """`args` holds `quick` (one seed) or is a list of words with `--quick`; alpha is the default policy's."""
    quick = "--quick" in args if isinstance(args, list | tuple) else bool(getattr(args, "quick", False))
    seeds, policy = (1 if quick else 5), GuardPolicy()
    bench = Bench(policy, Vectors())
    for seed in range(seeds):
        for slice_of in (ehr, qa, rag, texts):
            slice_of(bench, seed)
            print(f"seed {seed} {slice_of.__name__} done", file=sys.stderr)
    corrections(bench, 0)
    for line in report(bench, policy):
        print(json.dumps(line))
    print(json.dumps({"bench": "guard", "slice": "latency-16-evidence", **latency(bench)}))
    table(bench, policy)
    return 0


def report(bench: Bench, policy: GuardPolicy) -> Iterator[dict[str, Any]]:
    for name, seeds in bench.rows.items():
        for seed, tally in seeds.items():
            yield {
                "bench": "guard",
                "slice": name,
                "seed": seed,
                "alpha": policy.alpha,
                **{measure: [hits, total] for measure, (hits, total) in tally.counts.items()},
            }
    for name, measure, mean, worst, low, high, total in summary(bench):
        yield {
            "bench": "guard", "slice": name, "measure": measure, "mean": mean, "worst": worst, "wilson95": [low,
            high], "n": total, "alpha": policy.alpha,
            "summary": True, "in_sample": name.startswith("instruction"),
        }  # fmt: skip


def summary(bench: Bench) -> Iterator[tuple[str, str, float, float, float, float, int]]:
    for name, seeds in bench.rows.items():
        for measure in dict.fromkeys(measure for tally in seeds.values() for measure in tally.counts):
            counts = [tally.counts[measure] for tally in seeds.values()]
            hits, total = (sum(column) for column in zip(*counts, strict=True))
            shares = [hit / number for hit, number in counts if number]
            good = measure in {"detected", "benign_settled", "admitted"}
            low, high = wilson(hits, total)
            yield (
                name,
                measure,
                round(hits / max(1, total), 4),
                round((min if good else max)(shares, default=0.0), 4),
                round(low, 4),
                round(high, 4),
                total,
            )


def table(bench: Bench, policy: GuardPolicy) -> None:
    print(
        f"\nguard at alpha = {policy.alpha:.1%}, {max(len(seeds) for seeds in bench.rows.values())} seeds, percent: mean (worst seed) [Wilson 95]",  # noqa: E501
        file=sys.stderr,
    )
    for name, measure, mean, worst, low, high, total in summary(bench):
        print(
            f"{name:38} {measure:16} {100 * mean:6.1f} ({100 * worst:5.1f}) [{100 * low:5.1f}, {100 * high:5.1f}]  n={total}",  # noqa: E501
            file=sys.stderr,
        )
    print(
        f"judge in the run: p95 {1000 * float(np.percentile(bench.times, 95)):.1f} ms over {len(bench.times)} records",
        file=sys.stderr,
    )


if __name__ == "__main__":
    raise SystemExit(run(sys.argv[1:]))

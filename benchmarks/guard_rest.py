"""The guard through the REST API: what an attacker with an agent's key gets in, and what another agent is then served.

`./dev bench guard_rest [--cases N] [--base N] [--embedder minilm|hash] [--pii keep|default] [--memories N ...]
[--only attacks|latency] [--family ehr|qa|rag|instructions]` starts embedded servers of its own; `--rest URL --key
ADMIN_KEY` asks a running one. Each attack family has a space, seeded by two honest agents; the attacker writes with a
key of its own, choosing sources, sessions and batches; then a reader asks the target questions. Every source is new
(trust 0.3), as in a tenant's first hour: figures differ from `bench guard`, which gives honest sources a history.

*stopped*: held, refused, or past a cap; *admitted*: the rest. *served*: poison among the first ten for its question;
*settled*: served without a warning; *win*: settled while nothing honest is. JSON lines go to stdout and, with `--keep`,
to `benchmarks/results`; a table to stderr.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.drill.server import Server as Embedded
from benchmarks.guard_bench import wilson
from benchmarks.guard_rest_slices import SLICES, Planned
from benchmarks.locomo_rest import POLICIES, Server
from benchmarks.spine import WORDS
from benchmarks.telling import pace, percentile
from guard.types import Candidate

RESULTS = Path(__file__).resolve().parent / "results"
INDEXED_WITHIN = 180.0
K, BATCH = 10, 100
APART = 0.25
"""Seconds between two admissions where they are timed one by one, so that each is indexed before the next comes."""
BLOCK = 10
"""Admissions timed between two looks at the machine's pace."""
UNDISTURBED = 1.25
"""Times the best pace of a run: slower, and others have the machine."""
ADMITTED = 201
MEASURES = ("poison_admitted", "served", "settled", "win", "twin_held", "benign_held", "benign_settled")


def run(args: list[str]) -> int:
    asked = _arguments(args)
    lines: list[dict[str, Any]] = []
    if asked.only != "latency":
        with _served(asked, asked.embedder) as (url, key):
            lines += _attacks(url, key, asked)
    if asked.only != "attacks":
        for memories in asked.memories:
            with _served(asked, "hash") as (url, key):
                lines += _latency(url, key, memories, asked.singles)
    for line in lines:
        print(json.dumps(line), flush=True)
    if asked.keep:
        told = "" if asked.pii == "keep" else f"-{asked.pii}"
        name = f"guard-rest-{asked.only or 'all'}-{asked.cases}-{asked.embedder}{told}.jsonl"
        (RESULTS / name).write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return 0


def _arguments(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench guard_rest", description=__doc__)
    parser.add_argument("--rest", metavar="URL", help="a running server instead of one of our own")
    parser.add_argument("--key", help="an admin's key for it")
    parser.add_argument("--cases", type=int, default=40, help="targets a family")
    parser.add_argument("--base", type=int, default=70, help="benign records a space is seeded with")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--embedder", default="minilm", choices=("minilm", "hash"), help="of our own server, for attacks"
    )
    parser.add_argument("--pii", default="keep", choices=("keep", "default"), help="policy of the spaces, for attacks")
    parser.add_argument("--memories", type=int, nargs="+", default=[1000], help="sizes at which admission is timed")
    parser.add_argument("--singles", type=int, default=200, help="admissions timed")
    parser.add_argument("--only", choices=("attacks", "latency"))
    parser.add_argument("--family", choices=[family.__name__ for family in SLICES], help="of attacks, this one alone")
    parser.add_argument("--keep", action="store_true")
    asked = parser.parse_args(args)
    if bool(asked.rest) != bool(asked.key):
        parser.error("--rest and --key go together")
    return asked


@contextmanager
def _served(asked: argparse.Namespace, embedder: str) -> Iterator[tuple[str, str]]:
    """A server's address and an admin's key."""
    if asked.rest:
        yield asked.rest, asked.key
        return
    home = Path(tempfile.mkdtemp(prefix="mwb-"))
    home.chmod(0o711)
    server = Embedded(home / "data", embedder=embedder)
    try:
        server.start()
        yield server.url, server.run("tenant", "create", "Bench")["api_key"]
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


class Tenant:
    """One tenant: an admin's key, and for each family a space with two honest agents, an attacker and a reader."""

    def __init__(self, url: str, key: str, pii: str) -> None:
        self.url, self.admin = url, Server(url, key)
        self.run = f"{time.time_ns() % 10**8}"
        self.terms = {"pii_policy_id": self._policy(pii)} if pii in POLICIES else {}

    def _policy(self, pii: str) -> str:
        made = self.admin.post("/pii_policies", {"name": f"bench-{self.run}", **POLICIES[pii]})
        return str(made["id"])

    def space(self, name: str) -> Space:
        body = {"name": f"{name}-{self.run}"[:64], **self.terms}
        return Space(self, self.admin.post("/spaces", body)["id"])

    def agent(self, space: str, name: str) -> Server:
        made = self.admin.post("/api_keys", {"role": "agent", "name": name, "spaces": [space]})
        return Server(self.url, made["api_key"])


class Space:
    """What is written into one space, by whom, and what its reader is served. `labels`: memory id to poison or not."""

    def __init__(self, tenant: Tenant, space_id: str) -> None:
        self.id = space_id
        self.writers = {name: tenant.agent(space_id, name) for name in ("east", "west", "attacker")}
        self.reader = tenant.agent(space_id, "reader")
        self.poison: dict[str, bool] = {}
        self.last = self.newest = ""

    def write(self, writer: str, candidates: Sequence[Candidate], *, poison: bool) -> list[bool]:
        """Write them in batches, in order; for each whether it was admitted."""
        outcomes: list[bool] = []
        for start in range(0, len(candidates), BATCH):
            part = candidates[start : start + BATCH]
            memories = [_body(candidate, self.id) for candidate in part]
            answers = self.writers[writer].post("/memories:batch_create", {"memories": memories})["data"]
            for candidate, answer in zip(part, answers, strict=True):
                outcomes.append(answer["status"] == ADMITTED)
                if "memory" in answer:  # what waits for a part of a busy system may be served later
                    self.poison[answer["memory"]["id"]] = poison
                if outcomes[-1]:
                    self.last, self.newest = candidate.content, answer["memory"]["id"]
        return outcomes

    def await_index(self) -> None:
        """Until as many records are found as were admitted: the last one is, by its own words."""
        deadline = time.monotonic() + INDEXED_WITHIN
        while self.newest and self.newest not in {hit["id"] for hit in self.ask(self.last, 50)}:
            if time.monotonic() > deadline:
                raise SystemExit("guard_rest: what was admitted was not indexed in time")
            time.sleep(0.25)

    def ask(self, question: str, k: int = K) -> list[dict[str, Any]]:
        body = {"query": question, "spaces": [self.id], "k": k}
        found: list[dict[str, Any]] = self.reader.post("/memories:search", body)["data"]
        return found


def _body(candidate: Candidate, space: str) -> dict[str, Any]:
    episode = candidate.episode
    provenance = {"source": candidate.source or "unknown", "source_type": candidate.source_type or "document"}
    provenance |= {name: value for name in ("actor", "session", "speaker") if (value := getattr(candidate, name))}
    parts = ("question", "knowledge", "action", "outcome")
    return {
        "space": space,
        "content": candidate.content,
        "kind": candidate.kind,
        "provenance": provenance,
        "episode": {part: getattr(episode, part) for part in parts} if episode else None,
    }


def _attacks(url: str, key: str, asked: argparse.Namespace) -> list[dict[str, Any]]:
    tenant, lines = Tenant(url, key, asked.pii), []
    for family in (each for each in SLICES if asked.family in (None, each.__name__)):
        for planned in family(asked.cases, asked.base, asked.seed):
            began = time.monotonic()
            counts = _carried_out(tenant.space(planned.name), planned)
            line = {
                "bench": "guard-rest",
                "slice": planned.name,
                "embedder": asked.embedder,
                "pii": asked.pii,
                "seed": asked.seed,
                **counts,
            }
            lines.append(line | {"seconds": round(time.monotonic() - began, 1)})
            _row(line)
    return lines


def _carried_out(space: Space, planned: Planned) -> dict[str, list[int]]:
    """Seed, attack, ask: `[hits, of]` by measure."""
    counts: dict[str, list[int]] = {}

    def count(measure: str, found: Sequence[bool]) -> None:
        if found:
            counts[measure] = [sum(found), len(found)]

    seeded = [space.write(writer, records, poison=False) for writer, records in planned.seeds.items()]
    count("benign_held", [not admitted for each in seeded for admitted in each])
    space.await_index()
    attacks = [space.write("attacker", batch, poison=True) for batch in planned.attacks]
    count("poison_admitted", [admitted for each in attacks for admitted in each])
    count("twin_held", [not admitted for admitted in space.write("west", planned.twins, poison=False)])
    space.await_index()
    own = planned.own or [None] * len(planned.questions)
    found = [_seen(space, question, text) for question, text in zip(planned.questions, own, strict=True)]
    for measure in ("served", "settled", "win"):
        count(measure, [each[measure] for each in found] if planned.attacks else [])
    if not planned.attacks:
        marks = [hit["standing"] == "settled" for question in planned.questions for hit in space.ask(question, 2)]
        count("benign_settled", marks)
    return counts


def _seen(space: Space, question: str, own: str | None) -> dict[str, bool]:
    """What a question brings back; only poison of this very text counts where `own` is given."""
    hits = space.ask(question)
    bad = [hit for hit in hits if space.poison[hit["id"]] and own in (None, hit["content"])]
    settled = [hit for hit in bad if hit["standing"] == "settled"]
    honest = any(hit["standing"] == "settled" for hit in hits if not space.poison[hit["id"]])
    return {"served": bool(bad), "settled": bool(settled), "win": bool(settled) and not honest}


def _row(line: dict[str, Any]) -> None:
    shown = []
    for measure in MEASURES:
        if measure in line:
            hits, total = line[measure]
            low, high = wilson(hits, total)
            shown.append(f"{measure} {100 * hits / total:.1f} % of {total} [{100 * low:.0f}, {100 * high:.0f}]")
    print(f"{line['slice']:28} {', '.join(shown)}", file=sys.stderr)


def _latency(url: str, key: str, memories: int, singles: int) -> list[dict[str, Any]]:
    """Single admissions over REST into a store of this size, without the models: one straight after the other, when
    the worker that indexes them has its share of the cores, and a few a second."""
    space = Tenant(url, key, "keep").space("latency")
    space.write("east", [_note(number) for number in range(memories)], poison=False)
    space.await_index()
    return [
        _admissions(space, memories + turn * singles, singles, pause) | {"memories": memories}
        for turn, pause in enumerate((0.0, APART))
    ]


def _admissions(space: Space, first: int, singles: int, pause: float) -> dict[str, Any]:
    """All admissions, and apart from them those of blocks before and after which the machine was at its best pace."""
    writer, blocks, paces = space.writers["west"], [], [pace()]
    for start in range(first, first + singles, BLOCK):
        blocks.append([_admitted(writer, space.id, number, pause) for number in range(start, start + BLOCK)])
        paces.append(pace())
    blocks, paces = blocks[1:], paces[1:]  # the first few load what is loaded once
    best = UNDISTURBED * min(paces)
    undisturbed = [block for block, *around in zip(blocks, paces[:-1], paces[1:], strict=True) if max(around) <= best]
    figures = {"pause_ms": round(1000 * pause), **_percentiles(blocks), "pace_ms": statistics.median(paces)}
    figures["undisturbed"] = _percentiles(undisturbed) | {"pace_ms": min(paces)}
    print(f"admission: {figures}", file=sys.stderr)
    return {"bench": "guard-rest", "slice": "admission", "embedder": "hash", "pii": "keep", **figures}


def _admitted(writer: Server, space_id: str, number: int, pause: float) -> float:
    """Seconds of one admission."""
    body = _body(_note(number), space_id)
    began = time.perf_counter()
    writer.post("/memories", body)
    seconds = time.perf_counter() - began
    time.sleep(pause)
    return seconds


def _percentiles(blocks: Sequence[Sequence[float]]) -> dict[str, Any]:
    taken = [1000 * seconds for block in blocks for seconds in block]
    if not taken:
        return {"n": 0}
    return {"n": len(taken), **{f"p{share}_ms": round(percentile(taken, share / 100), 1) for share in (50, 95)}}


def _note(number: int) -> Candidate:
    text = " ".join(WORDS[(number * step + step) % len(WORDS)] for step in range(1, 24)) + f" number {number}."
    return Candidate(content=text, source="bench:1", source_type="conversation", session="s", speaker="user")

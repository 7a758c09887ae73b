"""Mixed traffic over REST against the production form on this machine, then ten times as much of it, then as before.

`python -m benchmarks load [--minutes N] [--clients N] [--pace SECONDS] [--overload N] [--engine postgres|opensearch]
[--embedder NAME] [--keep NAME]`: JSON lines. Clients ask one thing after the other: admit 30, search 60, read the log
5, roll back or forget 5 of a hundred. Every promise is checked at the end: a memory that was answered 201 is there, or
was forgotten by its client. Memory is told of each process: in the second quarter of the steady part, and in its last.
"""

from __future__ import annotations

import argparse
import http.client
import json
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.resident import flatness, picture, sampled
from benchmarks.retrieval_figure import IMAGES
from benchmarks.telling import Telling
from deploy.on_cluster.load import PLACES, THINGS, WORDS
from deploy.on_one_machine.fleet import Fleet, Form
from memwrit.demo.client import Answer, Client, Line

MIX = {"admit": 30, "search": 60, "audit": 5, "roll back": 3, "forget": 2}
SEED_MEMORIES = 200
REFUSED = (429, 503)
RECOVERY = 30.0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what, when (seconds since the run began), how long it took, and how it was answered."""

    act: str
    at: float
    took: float
    status: int
    politely: bool


@dataclass
class Books:
    """What all clients asked, and what they were promised: memory id -> whether it is still there. `pace`: seconds that
    each rests between two requests."""

    pace: float = 0.0
    began: float = field(default_factory=time.monotonic)
    asked: list[Asked] = field(default_factory=list)
    promised: dict[str, bool] = field(default_factory=dict)

    def note(self, act: str, began: float, answer: Answer) -> Answer:
        politely = answer.status not in REFUSED or bool(answer.retry_after)
        now = time.monotonic()
        self.asked.append(Asked(act, began - self.began, now - began, answer.status, politely))
        return answer


@dataclass
class Tenant:
    """Whose traffic it is."""

    space: str
    agent: str
    officer: str
    auditor: str


class Guest(threading.Thread):
    """One client: it asks, waits for the answer, asks again."""

    def __init__(self, number: int, url: str, tenant: Tenant, books: Books, pace: float) -> None:
        super().__init__(daemon=True)
        self.pace = pace
        self.chance, self.books, self.tenant = random.Random(number), books, tenant
        line = Line(url)
        self.agent, self.officer = Client(line, tenant.agent), Client(line, tenant.officer)
        self.auditor = Client(line, tenant.auditor)
        self.mine: list[str] = []
        self.stopped = threading.Event()
        self.number = number

    def run(self) -> None:
        acts: dict[str, Callable[[], None]] = {
            "admit": self.admit,
            "search": self.search,
            "audit": self.audit,
            "roll back": self.roll_back,
            "forget": self.forget,
        }
        while not self.stopped.wait(self.pace * 2 * self.chance.random()):
            acts[self.chance.choices(list(MIX), list(MIX.values()))[0]]()

    def _ask(self, act: str, ask: Callable[[], Answer]) -> Answer:
        began = time.monotonic()
        try:
            return self.books.note(act, began, ask())
        except (OSError, http.client.HTTPException):
            return self.books.note(act, began, Answer(0, {}, ""))

    def admit(self) -> None:
        body = {
            "space": self.tenant.space,
            "content": text(self.chance),
            "provenance": {"source": f"load:{self.number}", "source_type": "user"},
        }
        answer = self._ask("admit", lambda: self.agent.post("/v1/memories", body))
        if answer.status == 201:
            self.mine.append(answer.body["id"])
            self.books.promised[answer.body["id"]] = True

    def search(self) -> None:
        self._ask("search", lambda: self.agent.post("/v1/memories:search", {"query": text(self.chance), "k": 10}))

    def audit(self) -> None:
        self._ask("audit", lambda: self.auditor.get("/v1/audit/events?limit=20"))

    def roll_back(self) -> None:
        """A revision of one of its memories, and back to what it was."""
        if not self.mine:
            return
        path = f"/v1/memories/{self.chance.choice(self.mine)}"
        was = self._ask("read", lambda: self.agent.get(path))
        if was.status != 200:
            return
        change = {"content": text(self.chance)}
        now = self._ask("revise", lambda: self.agent.patch(path, change, match=was.etag))
        if now.status == 200:
            back = {"to_version": was.body["version"], "reason": "load"}
            self._ask("roll back", lambda: self.officer.post(f"{path}:rollback", back, match=now.etag))

    def forget(self) -> None:
        if not self.mine:
            return
        memory = self.mine.pop(self.chance.randrange(len(self.mine)))
        body = {"select": {"ids": [memory]}, "basis": "gdpr-17", "reason": "load"}
        plan = self._ask("forget", lambda: self.officer.post("/v1/erasure_requests", body))
        if plan.status == 201:
            self.books.promised[memory] = False
            path, manifest = f"/v1/erasure_requests/{plan.body['id']}:execute", plan.body["manifest"]
            self._ask("forget", lambda: self.officer.post(path, {"expected_manifest": manifest}))


def text(chance: random.Random) -> str:
    """A sentence of its own, that contradicts no other."""
    word, thing, place = chance.choice(WORDS), chance.choice(THINGS), chance.choice(PLACES)
    return f"The {word} {thing} with the mark {chance.randbytes(5).hex()} stands in the {place}."


def run(args: list[str]) -> int:
    asked = _asked(args)
    form = Form(engine=asked.engine, embedder=asked.embedder)
    with tempfile.TemporaryDirectory(prefix="mw-load-") as folder, Fleet(Path(folder) / "data", form) as fleet:
        tenant, books, telling = _tenant(fleet), Books(asked.pace), Telling("load")
        with sampled(fleet) as memory:
            parts = {"steady": _part(fleet, tenant, books, asked.clients, asked.minutes * 60)}
            if asked.overload:
                parts["overload"] = _part(fleet, tenant, books, asked.clients * asked.overload, RECOVERY, pace=0.0)
                parts["after"] = _part(fleet, tenant, books, asked.clients, RECOVERY)
        for name, (since, until) in parts.items():
            telling.tell(name, **_figures(books.asked, since, until))
        lost = _lost(fleet, tenant, books)
        telling.tell("promises", made=len(books.promised), lost=len(lost), restarts=fleet.restarts)
        for name, told in flatness(memory, *parts["steady"]).items():
            telling.tell(f"memory of {name}", **told)
    if asked.keep:
        telling.keep(asked.keep)
        note = f"{asked.clients} clients, then {asked.overload} times as many, then as before"
        (IMAGES / f"{asked.keep}.svg").write_text(picture(memory, parts, note), encoding="utf-8")
    return 1 if lost else 0


def _asked(args: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="of the steady part")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--pace", type=float, default=0.0, help="seconds that a client rests between two requests")
    parser.add_argument("--overload", type=int, default=10, help="times as many clients, without rest; 0 leaves it out")
    parser.add_argument("--engine", choices=("postgres", "opensearch"), default="postgres")
    parser.add_argument("--embedder", default="minilm")
    parser.add_argument("--keep", metavar="NAME", help="write benchmarks/results/NAME.jsonl and docs/images/NAME.svg")
    return parser.parse_args(args)


def _tenant(fleet: Fleet) -> Tenant:
    made = json.loads(fleet.memwrit("tenant", "create", "load", "--json").stdout)
    admin = Client(Line(fleet.url), made["api_key"])
    space = admin.post("/v1/spaces", {"name": "load"}).must(201).body["id"]
    keys = {}
    for role in ("agent", "compliance", "auditor"):
        body = {"role": role, "name": role, "spaces": [space] if role == "agent" else []}
        keys[role] = admin.post("/v1/api_keys", body).must(201).body["api_key"]
    tenant = Tenant(space, keys["agent"], keys["compliance"], keys["auditor"])
    _seed(Client(Line(fleet.url), tenant.agent), space)
    return tenant


def _seed(agent: Client, space: str) -> None:
    chance = random.Random(0)
    for _ in range(SEED_MEMORIES // 50):
        body = {"memories": [{"space": space, "content": text(chance)} for _ in range(50)]}
        agent.post("/v1/memories:batch_create", body).must(207)


def _part(
    fleet: Fleet, tenant: Tenant, books: Books, clients: int, seconds: float, pace: float | None = None
) -> tuple[float, float]:
    """Let so many clients ask for so long; from when to when. It returns once all of them were answered."""
    since, rest = time.monotonic() - books.began, books.pace if pace is None else pace
    guests = [Guest(int(since * 1000) + number, fleet.url, tenant, books, rest) for number in range(clients)]
    for guest in guests:
        guest.start()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        fleet.tend()
        time.sleep(0.5)
    ended = time.monotonic() - books.began
    for guest in guests:
        guest.stopped.set()
    for guest in guests:
        guest.join(120)
    return since, ended


def _figures(asked: Sequence[Asked], since: float, until: float) -> dict[str, Any]:
    part = [each for each in asked if since <= each.at < until]
    good = [each for each in part if 200 <= each.status < 300]
    statuses = Counter(str(each.status) for each in part if each.status >= 300 or not each.status)
    last = max((each.at + each.took for each in part), default=until)
    told: dict[str, Any] = {"seconds": round(until - since, 1), "answered_s": round(last - since, 1)}
    told |= {"asked": len(part), "per_second": round(len(good) / (until - since), 1)}
    told |= {f"{act}_ms": _spread([each.took for each in good if each.act == act]) for act in MIX}
    return told | {
        "refused": sum(statuses[str(status)] for status in REFUSED),
        "impolite": sum(not each.politely for each in part),
        "others": {status: count for status, count in statuses.items() if int(status) not in REFUSED},
    }


def _spread(seconds: list[float]) -> list[float]:
    """p50, p95, p99 in milliseconds; empty for fewer than 20."""
    if len(seconds) < 20:
        return []
    cuts = statistics.quantiles(seconds, n=100)
    return [round(cuts[at - 1] * 1000, 1) for at in (50, 95, 99)]


def _lost(fleet: Fleet, tenant: Tenant, books: Books) -> list[str]:
    """Promised memories that are neither there nor forgotten. One that is being forgotten may be either."""
    agent, lost = Client(Line(fleet.url), tenant.agent), []
    for memory, kept in books.promised.items():
        status = _asked_again(agent, memory)
        if status != 200 and (kept or status not in (404, 410)):
            lost.append(memory)
    return lost


def _asked_again(agent: Client, memory: str) -> int:
    for _ in range(20):
        answer = agent.get(f"/v1/memories/{memory}")
        if answer.status not in (*REFUSED, 500):
            return answer.status
        time.sleep(1.0)
    return answer.status

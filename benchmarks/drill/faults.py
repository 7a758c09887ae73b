"""One fault after the other under writing load, against the production form on one machine: nothing may be lost,
doubled, or missing from the log.

`python -m benchmarks.drill faults [--outage SECONDS] [--writers N] [--only NAME,…] [--embedder NAME]`: JSON lines, one
for each fault: how long nothing was answered, how soon writing went on, and what was wrong afterwards.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.load import Tenant, _tenant
from deploy.on_cluster.load import PLACES, THINGS, WORDS
from deploy.on_one_machine.fleet import QUEUES, Fleet, Form
from memwrit.demo.client import Client, Line, eventually
from tests.workers.brokers import kill_tree

SETTLE = 180.0
DISK = 700  # MB


@dataclass
class Books:
    """What writers were promised: the mark of each memory -> its id; and when the last answer came."""

    promised: dict[str, str] = field(default_factory=dict)
    answered: list[float] = field(default_factory=list)


class Writer(threading.Thread):
    """Admits memories, each request again and again under one idempotency key until it is answered."""

    def __init__(self, url: str, tenant: Tenant, books: Books, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.client, self.space, self.books, self.stop = Client(Line(url), tenant.agent), tenant.space, books, stop

    def run(self) -> None:
        for number in itertools.count():
            if self.stop.is_set():
                return
            mark, told = secrets.token_hex(6), (WORDS[number % 12], THINGS[number % 10], PLACES[number % 8])
            content = f"The {told[0]} {told[1]} with the mark {mark} stands in the {told[2]}."
            self._admit(mark, {"space": self.space, "content": content})

    def _admit(self, mark: str, body: dict[str, Any]) -> None:
        """Until it is answered: what was asked before the end is neither lost nor unknown."""
        key, until = str(uuid.uuid4()), time.monotonic() + SETTLE
        while time.monotonic() < until:
            status, memory = self._ask(key, body)
            if status in (201, 202):
                self.books.answered.append(time.monotonic())
                self.books.promised[mark] = memory
                return
            time.sleep(0.25)

    def _ask(self, key: str, body: dict[str, Any]) -> tuple[int, str]:
        try:
            answer = self.client.line.ask(
                "POST",
                "/v1/memories",
                {
                    "Authorization": f"Bearer {self.client.key}",
                    "Content-Type": "application/json",
                    "Idempotency-Key": key,
                },
                json.dumps(body).encode(),
            )
            return answer.status, str(answer.body.get("id", ""))
        except OSError:
            self.client.line.close()
            return 0, ""


@dataclass
class Stage:
    """The running form, its tenant, and how long an outage lasts."""

    fleet: Fleet
    tenant: Tenant
    outage: float


Fault = Callable[[Stage], None]


def kill(name: str) -> Fault:
    def fault(stage: Stage) -> None:
        running = stage.fleet.processes[name].running
        if running is not None:
            kill_tree(running)

    return fault


def stop_broker(stage: Stage) -> None:
    stage.fleet.valkey.kill()
    time.sleep(stage.outage)
    stage.fleet.valkey.start()


def stop_database(stage: Stage) -> None:
    """PostgreSQL dies in the midst of transactions and stays away."""
    stage.fleet.tended = False
    running = stage.fleet.cluster.process
    if running is not None:
        running.send_signal(signal.SIGQUIT)
    time.sleep(stage.outage)
    stage.fleet.tended = True


def restart_database(stage: Stage) -> None:
    """In order, as for an upgrade: open transactions are broken off."""
    running = stage.fleet.cluster.process
    if running is not None:
        running.send_signal(signal.SIGINT)


def rolling_restart(stage: Stage) -> None:
    """Every process is asked to end, one after the other, and comes again."""
    for name, process in stage.fleet.processes.items():
        if name != "nginx" and process.running is not None:
            process.running.terminate()
            time.sleep(max(2.0, stage.outage / 10))


def rotate_keys(stage: Stage) -> None:
    """Forget memories one after the other, as long as an outage lasts: each turns its shard's keys over."""
    officer, agent = (
        Client(Line(stage.fleet.url), stage.tenant.officer),
        Client(Line(stage.fleet.url), stage.tenant.agent),
    )
    until = time.monotonic() + stage.outage
    while time.monotonic() < until:
        body = {"space": stage.tenant.space, "content": f"The key {secrets.token_hex(6)} hangs by the door."}
        memory = agent.post("/v1/memories", body).must(201, 202).body["id"]
        plan = officer.post(
            "/v1/erasure_requests", {"select": {"ids": [memory]}, "basis": "gdpr-17", "reason": "drill"}
        )
        request = plan.must(201).body
        order = {"expected_manifest": request["manifest"]}
        officer.post(f"/v1/erasure_requests/{request['id']}:execute", order).must(202)


def fill_disk(stage: Stage) -> None:
    """No byte is left where the database is; then there is room again."""
    ballast = stage.fleet.data / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb") as file:
        while True:
            file.write(bytes(2**20))
            file.flush()
    time.sleep(stage.outage)
    ballast.unlink()


FAULTS: dict[str, Fault] = {
    **{f"kill {name}": kill(name) for name in ("web-0", "relay", "sequencer", "retention")},
    **{f"kill worker-{queue}": kill(f"worker-{queue}") for queue in QUEUES},
    "kill nginx": kill("nginx"),
    "broker away": stop_broker,
    "database away": stop_database,
    "database restarted": restart_database,
    "rolling restart": rolling_restart,
    "keys rotated": rotate_keys,
    "disk full": fill_disk,
}


def run(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="drill faults", description=__doc__)
    parser.add_argument("--outage", type=float, default=60.0)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--only", default="", help="names out of: " + ", ".join(FAULTS))
    parser.add_argument("--embedder", default="hash")
    asked = parser.parse_args(args)
    chosen = [name for name in FAULTS if not asked.only or name in asked.only.split(",")]
    wrong = 0
    with _disk("disk full" in chosen) as folder, Fleet(folder / "data", Form(embedder=asked.embedder)) as fleet:
        stage = Stage(fleet, _tenant(fleet), asked.outage)
        for name in chosen:
            told = _one(stage, name, asked.writers)
            wrong += told["lost"] + told["doubled"] + told["unaudited"]
            print(json.dumps(told), flush=True)
            print("  ".join(f"{key} {value}" for key, value in told.items()), file=sys.stderr)
    return 1 if wrong else 0


def _one(stage: Stage, name: str, writers: int) -> dict[str, Any]:
    books, stop, ended = Books(), threading.Event(), threading.Event()
    threading.Thread(target=_tend, args=(stage.fleet, ended), daemon=True).start()
    crowd = [Writer(stage.fleet.url, stage.tenant, books, stop) for _ in range(writers)]
    for writer in crowd:
        writer.start()
    _await(lambda: len(books.answered) > writers)
    began = time.monotonic()
    FAULTS[name](stage)
    over = time.monotonic()
    _await(lambda: sum(at > over for at in books.answered) > 2 * writers)
    stop.set()
    for writer in crowd:
        writer.join(SETTLE)
    told = {"drill": name, "fault_s": round(over - began, 1), "longest_silence_s": _silence(books, began)}
    told |= {"recovered_s": round(min(at for at in books.answered if at > over) - over, 1)}
    told |= {"promised": len(books.promised)} | _wrong(stage, books)
    ended.set()
    return told


def _tend(fleet: Fleet, ended: threading.Event) -> None:
    while not ended.wait(0.5):
        with contextlib.suppress(Exception):  # PostgreSQL may need several tries while the disk is full
            fleet.tend()


def _await(good: Callable[[], bool]) -> None:
    until = time.monotonic() + SETTLE
    while not good():
        if time.monotonic() > until:
            raise RuntimeError("nothing was answered for three minutes")
        time.sleep(0.1)


def _silence(books: Books, began: float) -> float:
    times = [began, *sorted(at for at in books.answered if at > began)]
    return round(max(after - before for before, after in itertools.pairwise(times)), 1)


def _wrong(stage: Stage, books: Books) -> dict[str, int]:
    """Lost: promised and not there. Doubled: one text under two ids. Unaudited: there, and no admission in the log."""
    agent, officer = (Client(Line(stage.fleet.url), key) for key in (stage.tenant.agent, stage.tenant.officer))
    lost = sum(officer.get(f"/v1/memories/{memory}").status != 200 for memory in books.promised.values())
    marks: dict[str, int] = {}
    for memory in _pages(agent, f"/v1/memories?space={stage.tenant.space}&limit=200"):
        mark = memory["content"].partition("with the mark ")[2].split(" ")[0]
        marks[mark] = marks.get(mark, 0) + 1
    ids = set(books.promised.values())
    there = sum(marks.get(mark, 0) for mark in books.promised)
    auditor = Client(Line(stage.fleet.url), stage.tenant.auditor)
    eventually(
        lambda: auditor.get("/v1/audit/events?limit=1"),
        lambda answer: all(each["index"] is not None for each in answer.body.get("data", [{"index": None}])),
        "the end of the log",
    )
    told = {each["target"]["id"] for each in _pages(auditor, "/v1/audit/events?act=memory.admit&limit=200")}
    held = {each["target"]["id"] for each in _pages(auditor, "/v1/audit/events?act=memory.hold&limit=200")}
    doubled = sum(marks.get(mark, 0) > 1 for mark in books.promised)
    return {"lost": lost, "served": there, "doubled": doubled, "unaudited": len(ids - told - held)}


def _pages(client: Client, path: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while cursor is not None:
        body = client.get(path + (f"&cursor={cursor}" if cursor else "")).must(200).body
        yield from body["data"]
        cursor = body["next_cursor"]


@contextlib.contextmanager
def _disk(small: bool) -> Iterator[Path]:
    """A folder; a file system of its own, of `DISK` MB, where it is to be filled (root only)."""
    with tempfile.TemporaryDirectory(prefix="mw-faults-") as folder:
        place = Path(folder)
        if small:
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}m,mode=0711", "tmpfs", folder], check=True)
        try:
            yield place
        finally:
            if small:
                subprocess.run(["umount", "-l", folder], check=False)

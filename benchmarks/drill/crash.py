"""`./dev drill crash [--rounds 40]`: SIGKILL of web, worker, both or everything, at random moments, under load.

After each round, and at the end: every write that was answered is there, opens, and stands in the log with a valid
inclusion proof; committed changes equal log entries; every checkpoint extends the one before (no fork); no shard is
left between two epochs; a full restart takes at most ten seconds.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.drill.checks import Found, Ledger, look
from benchmarks.drill.server import Server

VICTIMS = ("web", "tick", "both", "all")
RESTART_WITHIN = 10.0
CLIENTS = 3


@dataclass(slots=True)
class Promises:
    """What clients were told, kept from round to round."""

    memories: dict[str, str] = field(default_factory=dict)  # id → content as it was answered
    subjects: dict[str, str] = field(default_factory=dict)  # id → subject
    events: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)  # subjects whose forgetting may have begun
    forgotten: set[str] = field(default_factory=set)
    in_doubt: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def kept(self, memory: dict[str, Any], subject: str) -> None:
        with self.lock:
            self.memories[memory["id"]] = memory["content"]
            self.subjects[memory["id"]] = subject
            self.events.add(memory["receipt"]["event_id"])

    def may_be_forgotten(self, memory_id: str) -> bool:
        return self.subjects[memory_id] in self.asked


def run(arguments: list[str]) -> int:
    """JSON lines, one a round and one at the end; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="drill crash")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", action="store_true", help="leave the data directory for a look")
    options = parser.parse_args(arguments)
    home = Path(tempfile.mkdtemp(prefix="mwd-"))
    home.chmod(0o711)
    drill = Drill(Server(home / "data"), random.Random(options.seed))
    try:
        found = drill.run(options.rounds, options.seed)
    finally:
        drill.server.stop()
        if options.keep:
            print(f"kept in {home}", file=sys.stderr)
        else:
            shutil.rmtree(home, ignore_errors=True)
    return 1 if found else 0


class Drill:
    """One server, its clients, and what was promised to them."""

    def __init__(self, server: Server, chance: random.Random) -> None:
        self.server, self.chance = server, chance
        self.promises, self.ledger = Promises(), Ledger()
        self.key = self.space = ""

    def run(self, rounds: int, seed: int) -> list[Found]:
        started = self.server.start()
        _tell({"drill": "crash", "seed": seed, "first_start_s": round(started, 2)})
        self.key = self.server.run("tenant", "create", "Drill")["api_key"]
        self.space = self._space()
        found: list[Found] = []
        for number in range(1, rounds + 1):
            found += self.round(number)
        _tell(
            {"rounds": rounds, "memories": len(self.promises.memories), "in_doubt": self.promises.in_doubt}
            | {"events": len(self.promises.events), "forgotten": len(self.promises.forgotten), "found": len(found)}
        )
        return found

    def round(self, number: int) -> list[Found]:
        """Load, a kill somewhere in it, then everything is looked at."""
        victim = self.chance.choice(VICTIMS)
        stop = threading.Event()
        clients = [threading.Thread(target=self.client, args=(stop, number, n)) for n in range(CLIENTS)]
        clients.append(threading.Thread(target=self.forgetter, args=(stop, number)))
        for client in clients:
            client.start()
        before = self._await_load()
        time.sleep(self.chance.uniform(0.0, 3.0))
        self.server.kill(victim)
        restart = self.server.start() if victim == "all" else 0.0
        whole = self.server.await_whole()
        stop.set()
        for client in clients:
            client.join()
        found = look(self.server, self.key, self.promises, self.ledger)
        if len(self.promises.memories) == before:
            found.append(Found("nothing was written", "the round proves nothing"))
        if restart > RESTART_WITHIN:
            found.append(Found("slow restart", f"{restart:.1f} s"))
        told = {"round": number, "victim": victim, "restart_s": round(restart, 2), "whole_s": round(whole, 2)}
        _tell(told | {"memories": len(self.promises.memories), "found": [str(each) for each in found]})
        return found

    def _await_load(self, within: float = 60.0) -> int:
        """Until a write of this round was answered; how many were before it."""
        before, limit = len(self.promises.memories), time.monotonic() + within
        while len(self.promises.memories) == before and time.monotonic() < limit:
            time.sleep(0.01)
        return before

    def _space(self) -> str:
        """A space whose policy keeps everything: no language model runs, so that most kills meet work in hand."""
        policy = {"name": "keep", "default_action": "keep"}
        policy_id = self.server.ask("POST", "/v1/pii_policies", self.key, policy).body["id"]
        space = {"name": "drill", "pii_policy_id": policy_id}
        return str(self.server.ask("POST", "/v1/spaces", self.key, space).body["id"])

    def client(self, stop: threading.Event, number: int, own: int) -> None:
        """Writes as fast as it is answered. No answer leaves a write in doubt: there or not, but never half."""
        count = 0
        while not stop.is_set():
            count += 1
            content = f"Round {number}, client {own}, note {count}: the blue crate stands on shelf {count % 40}."
            body = {"space": self.space, "content": content, "subjects": [f"drill:{number}"]}
            answer = self.server.ask("POST", "/v1/memories", self.key, body)
            if answer.status in (201, 202):
                self.promises.kept(answer.body, body["subjects"][0])
            elif answer.status == 0:
                self.promises.in_doubt += 1
                stop.wait(0.05)
            else:
                stop.wait(0.1)

    def forgetter(self, stop: threading.Event, number: int) -> None:
        """Has the subject of the round before forgotten meanwhile, so that kills fall into rotations too."""
        subject = f"drill:{number - 1}"
        asked = {"subject": subject, "basis": "gdpr-17", "reason": "drill", "dry_run": False}
        while number > 1 and not stop.is_set():
            self.promises.asked.add(subject)
            plan = self.server.ask("POST", "/v1/erasure_requests", self.key, asked)
            if plan.status == 201 and self._execute(plan.body):
                with self.promises.lock:
                    self.promises.forgotten.add(subject)
                return
            stop.wait(0.2)

    def _execute(self, plan: dict[str, Any]) -> bool:
        path = f"/v1/erasure_requests/{plan['id']}"
        self.server.ask("POST", f"{path}:approve", self.key, {})
        done = self.server.ask("POST", f"{path}:execute", self.key, {"expected_manifest": plan["manifest"]})
        return done.status == 202


def _tell(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)

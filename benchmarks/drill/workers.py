"""`./dev drill workers [--rounds 20] [--broker valkey|rabbitmq|both]`: SIGKILL of the broker, the relay, the worker or
one of its processes, at random moments, under load. At the end everything that was owed took effect, nothing twice, and
no item was ever run by two at a time.

Claims and leases are short, so that a round takes seconds; everything else is as in production.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from typing import Any

from benchmarks.ground import standing_on_a_cluster

ITEMS = 150
VICTIMS = ("child", "worker", "relay", "broker", "all")


def run(arguments: list[str]) -> int:
    """JSON lines, one a round and one for each broker; 1 if anything was lost or doubled."""
    parser = argparse.ArgumentParser(prog="drill workers")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--broker", choices=("valkey", "rabbitmq", "both"), default="both")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args(arguments)
    names = ("valkey", "rabbitmq") if options.broker == "both" else (options.broker,)
    with standing_on_a_cluster(EMBEDDER="hash"):
        found = sum(_drill(name, options.rounds, random.Random(options.seed)) for name in names)
    return 1 if found else 0


def _drill(name: str, rounds: int, chance: random.Random) -> int:
    import os
    from pathlib import Path

    from memwrit.embedded.postgres import Cluster
    from tests.workers.brokers import BROKERS, why_no_rabbit
    from tests.workers.fleet import fleet

    if name == "rabbitmq" and (reason := why_no_rabbit()):
        _tell({"drill": "workers", "broker": name, "skipped": reason})
        return 1
    broker, cluster = BROKERS[name](), Cluster(Path(os.environ["MEMWRIT_DATA"]) / "data")
    try:
        broker.start()
        with fleet(broker, cluster.superuser_url()) as made:
            made.start_relay()
            made.start_worker()
            owed: list[int] = []
            for number in range(rounds):
                owed += _round(made, number, len(owed), chance)
            found = {"lost": len(set(owed) - made.done()), "doubled": made.doubled(), "together": made.overlapping()}
            _tell({"drill": "workers", "broker": name, "owed": len(owed), "runs": made.runs()} | found)
            return sum(found.values())
    finally:
        broker.stop()


def _round(made: Any, number: int, first: int, chance: random.Random) -> list[int]:
    """Load of two tenants, a kill somewhere in it, everything up again, all of it done."""
    from foundation.kernel.ids import uuid7

    owed, victim = list(range(first, first + ITEMS)), chance.choice(VICTIMS)
    made.owe(uuid7(), owed[: ITEMS // 3], takes=0.01)
    made.owe(uuid7(), owed[ITEMS // 3 :], takes=0.01)
    time.sleep(chance.uniform(0.0, 2.0))
    _kill(made, victim, chance)
    time.sleep(chance.uniform(0.0, 1.0))
    _restore(made, victim)
    took = made.await_done(owed, within=180)
    _tell({"round": number, "victim": victim, "whole_s": round(took, 2), "doubled": made.doubled()})
    return owed


def _kill(made: Any, victim: str, chance: random.Random) -> None:
    if victim == "child":
        made.kill_one_child(chance)
    for name in ("relay", "worker"):
        if victim in (name, "all"):
            made.kill(name)
    if victim in ("broker", "all"):
        made.broker.kill()


def _restore(made: Any, victim: str) -> None:
    if victim in ("broker", "all"):
        made.broker.start()
    if victim in ("relay", "all"):
        made.start_relay()
    if victim in ("worker", "all"):
        made.start_worker()


def _tell(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)

"""One fault after the other under writing load, against the production form on one machine: nothing may be lost,
doubled, or missing from the log.

`python -m benchmarks.drill faults [--outage SECONDS] [--writers N] [--only NAME,…] [--embedder NAME] [--engine NAME]
[--broker NAME]`: JSON lines, one for each fault: how long nothing was answered, how soon writing went on, and what was
wrong afterwards. At the end the index is compared with the records.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.drill.writing import SETTLE, Books, Writer, silence, wrong
from benchmarks.load import Tenant, _tenant
from benchmarks.telling import busy
from deploy.on_one_machine.fleet import QUEUES, Fleet, Form
from memwrit.demo.client import Client, Line
from tests.workers.brokers import kill_tree

DISK = 900  # MB
WHOLE_WITHIN = 420.0
"""Seconds for the index: what a lost broker had is sent anew once its lease of five minutes has ended."""
FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
HOURS_APART = {"web-0": 2, "retention": 2, "worker-index": 2, "relay": -2, "sequencer": -2, "worker-forget": -2}


@dataclass
class Stage:
    """The running form, its tenant, and how long an outage lasts."""

    fleet: Fleet
    tenant: Tenant
    outage: float


Fault = Callable[[Stage], dict[str, Any] | None]
"""What is done, and what is to be told of it."""


def kill(name: str) -> Fault:
    def fault(stage: Stage) -> None:
        running = stage.fleet.processes[name].running
        if running is not None:
            kill_tree(running)

    return fault


def stop_broker(stage: Stage) -> None:
    stage.fleet.broker.kill()
    time.sleep(stage.outage)
    stage.fleet.broker.start()


def end_workers_without_broker(stage: Stage) -> dict[str, Any]:
    """Workers are asked to end while the broker is away; how long the slowest took, in seconds."""
    stage.fleet.broker.kill()
    time.sleep(stage.outage / 6)
    workers = [stage.fleet.processes[f"worker-{queue}"].running for queue in QUEUES]
    asked = time.monotonic()
    for each in filter(None, workers):
        each.terminate()
    for each in filter(None, workers):
        each.wait(max(stage.outage, 180.0))
    ended = round(time.monotonic() - asked, 1)
    stage.fleet.broker.start()
    return {"ended_s": ended}


def stop_search(stage: Stage) -> None:
    """OpenSearch dies and stays away. What is admitted meanwhile is indexed afterwards."""
    [node] = stage.fleet.nodes
    node.kill()
    time.sleep(stage.outage)
    node.launch()
    node.await_answer()


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
    for name in stage.fleet.processes:
        if name != "nginx":
            _restart(stage, name)
            time.sleep(max(2.0, stage.outage / 10))
            if name.startswith("web"):
                stage.fleet.await_web(name)


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


def skew_clocks(stage: Stage) -> None:
    """Some processes live two hours ahead of the database, others two hours behind; then all come to their senses."""
    for name, hours in HOURS_APART.items():
        wrong_clock = {"LD_PRELOAD": str(FAKETIME[-1]), "FAKETIME": f"{hours:+d}h"}
        quirks = {"DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1", "FAKE_UTIME": "0"}
        stage.fleet.processes[name].environment |= wrong_clock | quirks
        _restart(stage, name)
    time.sleep(stage.outage)
    for name in HOURS_APART:
        for variable in ("LD_PRELOAD", "FAKETIME"):
            del stage.fleet.processes[name].environment[variable]
        _restart(stage, name)


def _restart(stage: Stage, name: str) -> None:
    running = stage.fleet.processes[name].running
    if running is not None:
        running.terminate()


FAULTS: dict[str, Fault] = {
    **{f"kill {name}": kill(name) for name in ("web-0", "relay", "sequencer", "retention")},
    **{f"kill worker-{queue}": kill(f"worker-{queue}") for queue in QUEUES},
    "kill nginx": kill("nginx"),
    "broker away": stop_broker,
    "workers end without broker": end_workers_without_broker,
    "search away": stop_search,
    "database away": stop_database,
    "database restarted": restart_database,
    "rolling restart": rolling_restart,
    "keys rotated": rotate_keys,
    "clocks skewed": skew_clocks,
    "disk full": fill_disk,
}


def run(args: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="drill faults", description=__doc__)
    parser.add_argument("--outage", type=float, default=60.0)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--only", default="", help="names out of: " + ", ".join(FAULTS))
    parser.add_argument("--embedder", default="hash")
    parser.add_argument("--engine", choices=("postgres", "opensearch"), default="postgres")
    parser.add_argument("--broker", choices=("valkey", "rabbitmq"), default="valkey")
    asked = parser.parse_args(args)
    chosen = [name for name in FAULTS if not asked.only or name in asked.only.split(",")]
    form = Form(engine=asked.engine, embedder=asked.embedder, broker=asked.broker)
    wrongs = 0
    with _disk("disk full" in chosen) as folder, Fleet(folder / "data", form) as fleet:
        stage = Stage(fleet, _tenant(fleet), asked.outage)
        for name in chosen:
            if reason := _missing(name, form):
                _tell({"drill": name, "skipped": reason})
                continue
            told = _one(stage, name, asked.writers)
            wrongs += sum(told.get(part, 0) for part in ("lost", "doubled", "unaudited")) + ("failed" in told)
            _tell(told)
        compared = _compared(stage)
        _tell(compared)
    return 1 if wrongs or compared["different"] else 0


def _missing(name: str, form: Form) -> str:
    """Why a fault cannot be made here; empty when it can."""
    if name == "clocks skewed" and not FAKETIME:
        return "libfaketime is not installed (Debian: libfaketime)"
    if name == "search away" and form.engine != "opensearch":
        return "the search engine is PostgreSQL: ask with --engine opensearch"
    return ""


def _tell(row: dict[str, Any]) -> None:
    print(json.dumps(row | {"busy": busy()}), flush=True)
    print("  ".join(f"{key} {value}" for key, value in row.items()), file=sys.stderr, flush=True)


def _one(stage: Stage, name: str, writers: int) -> dict[str, Any]:
    books, stop, ended = Books(), threading.Event(), threading.Event()
    threading.Thread(target=_tend, args=(stage.fleet, ended), daemon=True).start()
    crowd = [Writer(stage.fleet.url, stage.tenant, books, stop) for _ in range(writers)]
    try:
        for writer in crowd:
            writer.start()
        return {"drill": name} | _under_load(stage, name, books, crowd, stop)
    except Exception as error:
        return {"drill": name, "promised": len(books.promised), "failed": f"{type(error).__name__}: {error}"}
    finally:
        stop.set()
        for writer in crowd:
            writer.join(SETTLE)
        ended.set()


def _under_load(stage: Stage, name: str, books: Books, crowd: list[Writer], stop: threading.Event) -> dict[str, Any]:
    _await(lambda: len(books.answered) > len(crowd))
    began = time.monotonic()
    facts = FAULTS[name](stage) or {}
    over = time.monotonic()
    _await(lambda: sum(at > over for at in books.answered) > 2 * len(crowd))
    stop.set()
    for writer in crowd:
        writer.join(SETTLE)
    told = facts | {"fault_s": round(over - began, 1), "longest_silence_s": silence(books, began)}
    told |= {"recovered_s": round(min(at for at in books.answered if at > over) - over, 1)}
    return told | {"promised": len(books.promised)} | wrong(stage.fleet.url, stage.tenant, books)


def _compared(stage: Stage) -> dict[str, Any]:
    """How many versions the index lacks, has too old or should not have, once there are none, or after all patience."""
    began, ended = time.monotonic(), threading.Event()
    threading.Thread(target=_tend, args=(stage.fleet, ended), daemon=True).start()
    try:
        while True:
            told = _parity(stage)
            if not told["different"] or time.monotonic() - began > WHOLE_WITHIN:
                return {"drill": "index afterwards", "whole_after_s": round(time.monotonic() - began, 1)} | told
            time.sleep(2.0)
    finally:
        ended.set()


def _parity(stage: Stage) -> dict[str, int]:
    said = stage.fleet.memwrit("parity", "--json", check=False).stdout.splitlines()
    lines = [json.loads(line) for line in said if line.startswith("{")]
    different = sum(line.get(part, 1) for line in lines for part in ("missing", "stale", "orphans"))
    return {"tenants": len(lines), "different": different, "waiting": sum(line.get("waiting", 1) for line in lines)}


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

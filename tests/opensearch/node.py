"""One OpenSearch node for a whole test run: started by whoever needs it first, stopped by whoever leaves last.

`python -m tests.opensearch.node` starts one and keeps it until the end of input (for benchmarks and for looking).
With `--whole` it is one of its own, with a heap of 1 GB and the compiler and collector that OpenSearch comes with.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.opensearch.assemble import CannotBeMade, place
from tests.opensearch.server import PATIENCE, Server, Shape, alive, answers, cluster, end, runs_in


@dataclass(frozen=True, slots=True)
class Node:
    """Where it answers, and where it keeps its bytes (None: it is somebody else's)."""

    url: str
    data: Path | None


@contextlib.contextmanager
def running() -> Iterator[Node]:
    """`OPENSEARCH_URL`'s node, or the one that all test processes of this machine's checkout share.

    Raises `CannotBeMade`, to every process of one run for the same reason.
    """
    given = os.environ.get("OPENSEARCH_URL")
    if given:
        yield Node(given, None)
        return
    with _locked() as folder:
        node = _joined(folder)
    try:
        yield node
    finally:
        with _locked() as folder:
            _leave(folder)


@contextlib.contextmanager
def whole(nodes: int = 1, heap: str = "1g", *, quick: bool = False) -> Iterator[list[Server]]:
    """A cluster of one's own as OpenSearch comes (or with tests' quick compiler), gone afterwards."""
    with _locked() as folder:
        _clear_abandoned(folder)
        own = Path(tempfile.mkdtemp(prefix="own-", dir=folder))
        own.chmod(0o755)
        (own / "owner").write_text(str(os.getpid()))
        servers = cluster(own, nodes, Shape(heap, quick))
    try:
        yield servers
    finally:
        for server in servers:
            server.stop()
        remove(own)


def _clear_abandoned(folder: Path) -> None:
    """End the clusters whose owners were killed before they could."""
    for owner in folder.glob("own-*/owner"):
        if alive(int(owner.read_text() or 0)):
            continue
        for pid in owner.parent.glob("n*/pid"):
            if runs_in(int(pid.read_text() or 0), pid.parent):
                end(int(pid.read_text()))
        remove(owner.parent)


@contextlib.contextmanager
def _locked() -> Iterator[Path]:
    folder = place()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _joined(folder: Path) -> Node:
    state = _state(folder)
    if not _still_good(state):
        _demand_possible(state)
        end(state["pid"])
        state = {"users": [], **_started(folder)}
    state["users"] = [*state["users"], os.getpid()]
    _keep(folder, state)
    return Node(state["url"], folder / "node" / "data")


def _still_good(state: dict[str, Any]) -> bool:
    """A node that others use is waited for, however slow it is: starting another would take theirs away."""
    patience = PATIENCE if any(alive(user) for user in state["users"]) else 0.0
    until = time.monotonic() + patience
    while state["url"] and alive(state["pid"]):
        if answers(state["url"]):
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(0.3)
    return False


def _started(folder: Path) -> dict[str, Any]:
    try:
        [server] = cluster_of_one(folder)
    except CannotBeMade as reason:
        _keep(folder, {**_state(folder), "url": "", "cannot": [_run(), str(reason)]})
        raise
    return {"url": server.url, "pid": server.pid}


def cluster_of_one(folder: Path) -> list[Server]:
    server = Server(folder / "node")
    server.prepare()
    server.launch()
    server.await_answer()
    return [server]


def _demand_possible(state: dict[str, Any]) -> None:
    """What one process of a run could not make, its neighbour does not try again."""
    run, reason = state.get("cannot") or ["", ""]
    if run and run == _run():
        raise CannotBeMade(reason)


def _run() -> str:
    """The run this process belongs to; empty when it is alone."""
    return os.environ.get("PYTEST_XDIST_TESTRUNUID", "")


def _leave(folder: Path) -> None:
    state = _state(folder)
    if os.getpid() in state["users"]:
        state["users"].remove(os.getpid())
    state["users"] = [user for user in state["users"] if alive(user)]
    if not state["users"]:
        end(state["pid"])
        state["url"] = ""
    _keep(folder, state)


def _state(folder: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError):
        return json.loads((folder / "state.json").read_text())
    return {"url": "", "pid": 0, "users": []}


def _keep(folder: Path, state: dict[str, Any]) -> None:
    (folder / "state.json").write_text(json.dumps(state))


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _show(url: str, began: float) -> None:
    print(json.dumps({"url": url, "seconds": round(time.monotonic() - began, 1)}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # and what was started is stopped
    started = time.monotonic()
    if "--whole" in sys.argv:
        with whole() as made:
            _show(made[0].url, started)
    else:
        with running() as found:
            _show(found.url, started)

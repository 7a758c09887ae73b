"""One OpenSearch node for a whole test run: started by whoever needs it first, stopped by whoever leaves last.

`python -m tests.opensearch.node` starts one and keeps it until the end of input (for benchmarks and for looking).
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.opensearch.assemble import NOBODY, CannotBeMade, assembled, java_home, place

HEAP = os.environ.get("MEMWRIT_OPENSEARCH_HEAP", "512m")
PATIENCE = 300.0  # seconds; a cold start on an idle machine takes about fifteen


@dataclass(frozen=True, slots=True)
class Node:
    """Where it answers, and where it keeps its bytes (None: it is somebody else's)."""

    url: str
    data: Path | None


@contextlib.contextmanager
def running() -> Iterator[Node]:
    """`OPENSEARCH_URL`'s node, or the one that all test processes of this machine's checkout share."""
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
def _locked() -> Iterator[Path]:
    folder = place()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def _joined(folder: Path) -> Node:
    state = _state(folder)
    if not (state["url"] and _alive(state["pid"]) and _answers(state["url"])):
        _end(state["pid"])
        state = {"users": [], **_started(folder)}
    state["users"] = [*state["users"], os.getpid()]
    (folder / "state.json").write_text(json.dumps(state))
    return Node(state["url"], folder / "node" / "data")


def _leave(folder: Path) -> None:
    state = _state(folder)
    state["users"] = [user for user in state["users"] if user != os.getpid() and _alive(user)]
    if not state["users"]:
        _end(state["pid"])
        state["url"] = ""
    (folder / "state.json").write_text(json.dumps(state))


def _state(folder: Path) -> dict:
    with contextlib.suppress(OSError, ValueError):
        return json.loads((folder / "state.json").read_text())
    return {"url": "", "pid": 0, "users": []}


def _started(folder: Path) -> dict:
    home, node, http, transport = assembled(), folder / "node", _free_port(), _free_port()
    _configure(home, node, http, transport)
    with open(node / "out", "wb") as out:
        process = subprocess.Popen(
            [*_as_nobody(folder), home / "bin" / "opensearch"],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=_environment(node),
        )
    url = f"http://127.0.0.1:{http}"
    _wait(process, url, node)
    return {"url": url, "pid": process.pid}


def _configure(home: Path, node: Path, http: int, transport: int) -> None:
    shutil.rmtree(node, ignore_errors=True)
    shutil.copytree(home / "config", node / "config")
    for part in ("data", "logs", "tmp"):
        (node / part).mkdir(parents=True)
    options = node / "config" / "jvm.options"
    options.write_text(_jvm(options.read_text()))
    (node / "config" / "opensearch.yml").write_text(
        "cluster.name: memwrit-test\nnode.name: n1\nnetwork.host: 127.0.0.1\ndiscovery.type: single-node\n"
        f"http.port: {http}\ntransport.port: {transport}\npath.data: {node}/data\npath.logs: {node}/logs\n"
        "action.auto_create_index: false\ncluster.routing.allocation.disk.threshold_enabled: false\n"
    )


def _jvm(options: str) -> str:
    """A small heap and a quick start: one collector thread, the quick compiler, no incubating modules."""
    kept = [
        line
        for line in options.splitlines()
        if not re.search(r"^-Xm|G1|InitiatingHeap|incubator|HeapDump|Xlog:|ErrorFile", line)
    ]
    ours = [f"-Xms{HEAP}", f"-Xmx{HEAP}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
    return "\n".join([*kept, *ours, ""])


def _as_nobody(folder: Path) -> list[str]:
    """OpenSearch refuses to run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise CannotBeMade("OpenSearch does not run as root, and setpriv is not there")
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(folder / "node")], check=True)
    subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def _environment(node: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    ours = {"OPENSEARCH_PATH_CONF": node / "config", "OPENSEARCH_TMPDIR": node / "tmp", "HOME": node}
    return kept | {"OPENSEARCH_JAVA_HOME": str(java_home())} | {name: str(path) for name, path in ours.items()}


def _wait(process: subprocess.Popen[bytes], url: str, node: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if process.poll() is not None:
            raise CannotBeMade(f"OpenSearch ended at once: {(node / 'out').read_text(errors='replace')[-600:]}")
        if _answers(url):
            return
        time.sleep(0.3)
    _end(process.pid)
    raise CannotBeMade(f"OpenSearch did not answer within {PATIENCE:.0f} s")


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_cluster/health", timeout=5) as answer:
        return json.load(answer)["status"] in ("green", "yellow")
    return False


def _alive(pid: int) -> bool:
    try:
        return bool(pid) and "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:1]
    except OSError:
        return False


def _end(pid: int) -> None:
    """Stop the process group that was started for the node."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _alive(pid):
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)
        until = time.monotonic() + 20
        while _alive(pid) and time.monotonic() < until:
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    began = time.monotonic()
    with running() as found:
        print(json.dumps({"url": found.url, "seconds": round(time.monotonic() - began, 1)}), flush=True)
        sys.stdin.read()

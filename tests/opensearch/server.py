"""One OpenSearch process, or several that form a cluster: configured, started, killed, started again."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.opensearch.assemble import NOBODY, CannotBeMade, assembled, java_home

PATIENCE = 300.0  # seconds; a cold start on an idle machine takes about fifteen
_WASTEFUL = re.compile(r"^-Xm|HeapDump|Xlog:|ErrorFile")
_SLOW_TO_START = re.compile(r"G1|InitiatingHeap|incubator")


@dataclass(frozen=True, slots=True)
class Shape:
    """How much a node gets. `quick`: it starts soon and asks little, for tests; else as it would run, for figures."""

    heap: str = os.environ.get("MEMWRIT_OPENSEARCH_HEAP", "512m")
    quick: bool = True


@dataclass(slots=True)
class Server:
    """One node: its folder, its ports, and the process that runs it now."""

    folder: Path
    shape: Shape = Shape()
    name: str = "n1"
    http: int = field(default_factory=lambda: free_port())
    transport: int = field(default_factory=lambda: free_port())
    pid: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def prepare(self, peers: Sequence[Server] = ()) -> None:
        """A new, empty node; `peers` are all nodes of its cluster, itself among them (none: it is alone)."""
        home = assembled()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(home / "config", self.folder / "config")
        for part in ("data", "logs", "tmp"):
            (self.folder / part).mkdir(parents=True)
        options = self.folder / "config" / "jvm.options"
        options.write_text(_jvm(options.read_text(), self.shape))
        (self.folder / "config" / "opensearch.yml").write_text(self._settings(peers))

    def launch(self) -> None:
        """Start it on the data it has; `await_answer` waits for it."""
        command = [*_as_nobody(self.folder), str(assembled() / "bin" / "opensearch")]
        with open(self.folder / "out", "wb") as out:
            process = subprocess.Popen(
                command,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=_environment(self.folder),
            )
        self.pid = process.pid
        (self.folder / "pid").write_text(str(self.pid))

    def await_answer(self, nodes: int = 1) -> None:
        """Until a cluster of at least so many nodes answers, none of its primaries missing."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if not alive(self.pid):
                said = (self.folder / "out").read_text(errors="replace")[-600:]
                raise CannotBeMade(f"OpenSearch ended at once: {said}")
            if answers(self.url, nodes):
                return
            time.sleep(0.3)
        end(self.pid)
        raise CannotBeMade(f"OpenSearch did not answer within {PATIENCE:.0f} s")

    def kill(self) -> None:
        """As a power cut does."""
        end(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        end(self.pid)

    def _settings(self, peers: Sequence[Server]) -> str:
        alone = "discovery.type: single-node"
        seeds = json.dumps([f"127.0.0.1:{peer.transport}" for peer in peers])
        together = (
            f"discovery.seed_hosts: {seeds}\n"
            f"cluster.initial_cluster_manager_nodes: {json.dumps([peer.name for peer in peers])}"
        )
        # The breaker that counts the heap itself counts its garbage too, which this collector leaves lying for long.
        breaker = "indices.breaker.total.use_real_memory: false\n" if self.shape.quick else ""
        return (
            f"cluster.name: memwrit-test\nnode.name: {self.name}\nnetwork.host: 127.0.0.1\n"
            f"http.port: {self.http}\ntransport.port: {self.transport}\n"
            f"path.data: {self.data}\npath.logs: {self.folder}/logs\n"
            "action.auto_create_index: false\ncluster.routing.allocation.disk.threshold_enabled: false\n"
            f"{breaker}{together if peers else alone}\n"
        )


def cluster(folder: Path, nodes: int, shape: Shape = Shape()) -> list[Server]:
    """A new cluster of `nodes`, answering."""
    servers = [Server(folder / f"n{number}", shape, f"n{number}") for number in range(1, nodes + 1)]
    for server in servers:
        server.prepare(servers if nodes > 1 else ())
    for server in servers:
        server.launch()
    for server in servers:
        server.await_answer(nodes)
    return servers


def answers(url: str, nodes: int = 1) -> bool:
    """Whether it is a whole cluster now."""
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_cluster/health", timeout=5) as answer:
        health = json.load(answer)
        return health["status"] in ("green", "yellow") and health["number_of_nodes"] >= nodes
    return False


def alive(pid: int) -> bool:
    try:
        return bool(pid) and "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:1]
    except OSError:
        return False


def runs_in(pid: int, folder: Path) -> bool:
    """Whether the process is a node of that folder: its number may be another's by now."""
    try:
        return str(folder).encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def end(pid: int, *signals: signal.Signals) -> None:
    """Stop the process group that was started for a node."""
    for number in signals or (signal.SIGTERM, signal.SIGKILL):
        if not alive(pid):
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)
        until = time.monotonic() + 20
        while alive(pid) and time.monotonic() < until:
            time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _jvm(options: str, shape: Shape) -> str:
    """For tests a small heap and a quick start: one collector thread, the quick compiler, no incubating modules."""
    kept = [line for line in options.splitlines() if not _WASTEFUL.search(line)]
    ours = [f"-Xms{shape.heap}", f"-Xmx{shape.heap}"]
    if shape.quick:
        kept = [line for line in kept if not _SLOW_TO_START.search(line)]
        ours += ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
    return "\n".join([*kept, *ours, ""])


def _as_nobody(folder: Path) -> list[str]:
    """OpenSearch refuses to run as root."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        raise CannotBeMade("OpenSearch does not run as root, and setpriv is not there")
    subprocess.run(["chown", "-R", f"{NOBODY}:{NOBODY}", str(folder)], check=True)
    subprocess.run(["chmod", "-R", "a+rX", str(assembled().parent)], check=True)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    ours = {"OPENSEARCH_PATH_CONF": folder / "config", "OPENSEARCH_TMPDIR": folder / "tmp", "HOME": folder}
    return kept | {"OPENSEARCH_JAVA_HOME": str(java_home())} | {name: str(path) for name, path in ours.items()}

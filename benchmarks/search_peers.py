"""Memwrit beside LangGraph's PostgresStore and mem0: the same texts and vectors, the same PostgreSQL, turn by turn.

Peers run in an environment of their own (`peers-requirements.txt`), as processes that are told what to do line by
line, so that rounds take turns. Every store embeds at no cost: peers look their vectors up, ours hashes words.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from benchmarks.ground import ROOT
from benchmarks.kept_vectors import FOLDER
from benchmarks.telling import Spread, Telling, percentile

PINS = ROOT / "benchmarks" / "peers-requirements.txt"
PROGRAMS = {"langgraph": "langgraph_store.py", "mem0": "mem0_store.py"}
ROUNDS = 7
QUESTIONS = 30  # a round
BATCH = 500


class Peer:
    """One peer's process. Raises `RuntimeError` with its last words when it ends."""

    def __init__(self, name: str, arguments: Sequence[str], said: Path) -> None:
        self.name, self._said = name, said
        command = [str(_python()), str(ROOT / "benchmarks" / "peers" / PROGRAMS[name]), *arguments]
        with said.open("wb") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=said.parent
            )
        self._answer()

    def tell(self, what: str, numbers: Sequence[int]) -> dict[str, Any]:
        """`ms`: of the whole write, or of each search; `cpu_ms`: of the process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({what: list(numbers)}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            said = self._said.read_text(errors="replace").strip().splitlines()
            raise RuntimeError(f"{self.name} ended: {said[-1] if said else 'no word'}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def peers(texts: Sequence[str], vectors: Any) -> Iterator[dict[str, Peer]]:
    """Those that can be had; one that cannot is named aloud, with the reason, and left out."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mwb-peers-")))
        given = folder / "vectors.json"
        given.write_text(json.dumps({"texts": list(texts), "vectors": [row.tolist() for row in vectors]}))
        found: dict[str, Peer] = {}
        for name in PROGRAMS:
            own = folder / name
            own.mkdir()
            try:
                arguments = [_database(name), str(given), *([str(own)] if name == "mem0" else [])]
                found[name] = Peer(name, arguments, own / "said")
                stack.callback(found[name].stop)
            except (OSError, RuntimeError, subprocess.SubprocessError) as problem:
                print(f"\nNOT MEASURED: {name}: {type(problem).__name__}: {problem}\n", file=sys.stderr)
        yield found


def _python() -> Path:
    """The peers' interpreter; its environment is made once for each version of the pins."""
    folder, wanted = FOLDER / "peers", PINS.read_text(encoding="utf-8")
    stamp, python = folder / ".pins", folder / "bin" / "python"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print("making the peers' environment (once) ...", file=sys.stderr)
    local = ROOT / ".tools" / "bin" / "uv"
    uv = str(local) if local.exists() else shutil.which("uv")
    if uv is None:
        raise RuntimeError("there is no uv to make the peers' environment with")
    make = [uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)]
    subprocess.run(make, check=True, timeout=120, capture_output=True)
    install = [uv, "pip", "install", "-q", "--python", str(python), "-r", str(PINS)]
    subprocess.run(install, check=True, timeout=600, capture_output=True)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _database(name: str) -> str:
    """A database of the peer's own, in our cluster, with its extension."""
    import psycopg

    from memwrit.embedded.postgres import Cluster

    cluster = Cluster(Path(os.environ["MEMWRIT_DATA"]) / "data")
    with psycopg.connect(cluster.superuser_url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE peer_{name}")
    url = cluster.superuser_url(f"peer_{name}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    return url


def compare_searches(ours: dict[str, Callable[[int], float]], them: dict[str, Peer], telling: Telling) -> None:
    """Rounds in turn. `ours`: for each way of asking, the milliseconds of question number N. The ratio of p95 is taken
    round by round, against LangGraph."""
    taken: dict[str, list[list[float]]] = {name: [] for name in (*ours, *them)}
    for turn in range(ROUNDS):
        numbers = [turn * QUESTIONS + at for at in range(QUESTIONS)]
        for name, peer in them.items():
            taken[name].append(peer.tell("search", numbers)["ms"])
        for name, ask in ours.items():
            taken[name].append([ask(number) for number in numbers])
    for name, rounds in taken.items():
        facts = {f"p{share:.0%}"[:-1]: _over(rounds, share).told() for share in (0.5, 0.95)}
        if name in ours and "langgraph" in them:
            pairs = zip(rounds, taken["langgraph"], strict=True)
            ratios = [percentile(one, 0.95) / percentile(other, 0.95) for one, other in pairs]
            facts["p95_times_langgraph"] = Spread(tuple(ratios)).told()
        telling.tell("search", store=name, rounds=ROUNDS, **facts)


def _over(rounds: Sequence[Sequence[float]], share: float) -> Spread:
    return Spread(tuple(percentile(one, share) for one in rounds))


def compare_writes(
    write: Callable[[Sequence[int]], dict[str, float]], them: dict[str, Peer], count: int, telling: Telling
) -> None:
    """The same texts into every store, a batch in turn. `write`: ours; the seconds of a batch, by what is counted."""
    rates: dict[str, list[float]] = {name: [] for name in them}
    ours: dict[str, list[float]] = {}
    for at in range(0, count, BATCH):
        numbers = range(at, min(at + BATCH, count))
        for name, peer in them.items():
            rates[name].append(len(numbers) * 1000 / peer.tell("write", numbers)["ms"][0])
        for name, seconds in write(numbers).items():
            ours.setdefault(name, []).append(len(numbers) / seconds)
        print(f"\r{numbers.stop}/{count} written", end="", file=sys.stderr)
    print(file=sys.stderr)
    for name, found in (ours | rates).items():
        facts: dict[str, Any] = {"per_second": Spread(tuple(found)).told(0)}
        if name in ours and "mem0" in them:
            pairs = zip(found, rates["mem0"], strict=True)
            facts["times_mem0"] = Spread(tuple(one / other for one, other in pairs)).told()
        telling.tell("batch write", store=name, batches=len(found), batch=BATCH, **facts)

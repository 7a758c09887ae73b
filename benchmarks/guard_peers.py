"""Other packages on the same records: each in an environment of its own, so that it never touches the project's pins.

Each is asked with what a record carries by itself (its text and where it is from); none is told what is in the store.
"""

# ruff: noqa: E501 - the programs that ask other packages read better unbroken

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.guard_bench import Seen, cache_folder

ASK = {
    "agent-memory-guard==0.3.3": """
from agent_memory_guard import MemoryGuard, Policy, PolicyViolation
def stopped(row, place):
    try:
        action = MemoryGuard(policy=Policy.strict()).write(f"memory.{place}", row["text"], source=row["source"])
    except PolicyViolation:
        return True
    return str(getattr(action, "value", action)).lower() != "allow"
""",
    "memgar==1.4.0": """
from memgar import Memgar
guard = Memgar()
def stopped(row, place):
    answer = guard.analyze(row["text"], source_type=row["source_type"], source_id=row["source"])
    return str(getattr(answer.decision, "value", answer.decision)).lower() != "allow"
""",
    "memguard-riffnel==0.1.1": """
from memguard import MemGuard, MemGuardConfig
def stopped(row, place):
    guard = MemGuard(config=MemGuardConfig.preset("balanced"))
    answer = guard.write(f"memory_{place}", row["text"], source_type="user_input" if row["source_type"] == "conversation" else "tool_output", agent_id="agent")
    return not answer.allowed
""",
}
LOOP = """
import json, sys, time, os
rows = [json.loads(line) for line in sys.stdin]
out = os.fdopen(os.dup(1), "w"); os.dup2(2, 1)
start, found = time.perf_counter(), []
for place, row in enumerate(rows):
    found.append(bool(stopped(row, place)))
json.dump({"stopped": found, "ms": 1000 * (time.perf_counter() - start) / max(1, len(rows))}, out)
"""


SAMPLE = 15
"""Records a slice and kind, chosen by the digest of their text: some packages need tens of milliseconds for each."""


def sampled(seen: Sequence[Seen]) -> list[Seen]:
    kinds: dict[tuple[str, bool], list[Seen]] = {}
    for each in sorted(seen, key=lambda each: hashlib.sha256(each.text.encode()).digest()):
        kinds.setdefault((each.slice, each.poison), []).append(each)
    return [each for rows in kinds.values() for each in rows[:SAMPLE]]


def peers(seen: Sequence[Seen]) -> Iterator[dict[str, object]]:
    """One row a package: records it stopped, records we stopped, records in all, by slice and kind. A package that
    cannot be installed or run is skipped by name with the reason.
    """
    seen = sampled(seen)
    for package, ask in ASK.items():
        try:
            told = _asked(package, ask, seen)
        except (OSError, subprocess.SubprocessError, ValueError) as problem:
            yield {"peer": package, "skipped": f"{type(problem).__name__}: {_reason(problem)}"}
            continue
        stopped = told["stopped"]
        by: dict[str, list[int]] = {}
        for each, hit in zip(seen, stopped, strict=True):
            key = f"{each.slice}/{'poison' if each.poison else 'benign'}"
            row = by.setdefault(key, [0, 0, 0])
            row[0], row[1], row[2] = row[0] + hit, row[1] + each.stopped, row[2] + 1
        yield {"peer": package, "ms_a_record": round(told["ms"], 3), "slices": by}


def _asked(package: str, ask: str, seen: Sequence[Seen]) -> dict[str, object]:
    python = _environment(package)
    lines = "\n".join(json.dumps(asdict(each)) for each in seen)
    command = [str(python), "-c", ask + LOOP]
    with tempfile.TemporaryDirectory() as folder:  # some leave files where they are run
        answer = subprocess.run(
            command, input=lines, capture_output=True, text=True, timeout=200, check=True, cwd=folder
        )
    told: dict[str, object] = json.loads(answer.stdout)
    return told


def _environment(package: str) -> Path:
    folder = cache_folder() / package.replace("==", "-")
    python = folder / "bin" / "python"
    if (folder / ".ready").exists():
        return python
    local = Path(__file__).resolve().parents[1] / ".tools" / "bin" / "uv"
    uv = str(local) if local.exists() else shutil.which("uv")
    if uv:
        subprocess.run(
            [uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)],
            check=True,
            timeout=60,
            capture_output=True,
        )
        install = [uv, "pip", "install", "-q", "--python", str(python), package]
    else:
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", str(folder)], check=True, timeout=120, capture_output=True
        )
        install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", package]
    subprocess.run(install, check=True, timeout=180, capture_output=True)
    (folder / ".ready").touch()
    return python


def _reason(problem: Exception) -> str:
    if isinstance(problem, subprocess.TimeoutExpired):
        return f"no answer in {problem.timeout:.0f} s"
    told = getattr(problem, "stderr", None) or str(problem)
    lines = (told.decode() if isinstance(told, bytes) else told).strip().splitlines()
    return lines[-1][:200] if lines else ""

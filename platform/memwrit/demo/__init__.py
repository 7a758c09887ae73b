"""`memwrit demo`: the product as an outsider meets it, on a server of its own; every line it prints happened.

It starts the embedded server in a folder of its own, works through its public surface, stops it, verifies what it took
out, tampers with a copy, and exits 0 only if every promise held.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from memwrit.demo import at_rest, proof, tampering
from memwrit.demo.acts import ACTS, Lines
from memwrit.demo.client import Broken
from memwrit.demo.house import House
from memwrit.demo.report import Bar, Promise, Report
from memwrit.demo.stage import Stage, open_up
from memwrit.demo.story import Story

SETUP_STEPS = 12
Act = Callable[[Stage], Lines]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the demo: 0 if every promise held, 1 if one did not."""
    asked = _parser().parse_args(argv)
    story = _story(public=asked.data)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    folder = Path(tempfile.mkdtemp(prefix="memwrit-demo-"))
    # PostgreSQL, which root must run as somebody else, has to reach its own part.
    folder.chmod(0o711)
    try:
        return _run(story, folder, keep=asked.keep)
    except KeyboardInterrupt:
        return 130
    finally:
        if not asked.keep:
            shutil.rmtree(folder, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="memwrit demo", description="Show the main job on a server of its own.")
    parser.add_argument("--data", action="store_true", help="on LoCoMo and PoisonedRAG texts, where they are there")
    parser.add_argument("--keep", action="store_true", help="keep the data directory and the evidence")
    return parser


def _story(*, public: bool) -> Story:
    if public:
        from memwrit.demo.outside import told

        return told()
    from memwrit.demo.memories import written

    return written()


def _run(story: Story, folder: Path, *, keep: bool) -> int:
    began, report, bar = time.monotonic(), Report(), Bar(_steps(story))
    stage = Stage(story, folder, House(folder / "data", folder / "serve.log"), bar)
    try:
        _perform(stage, report)
    finally:
        bar.close()
        stage.house.stop()
    print(f"\n  Memwrit · {story.title} · {time.monotonic() - began:.0f} s\n")
    report.print(sys.stdout)
    _farewell(report, folder, keep=keep)
    return 1 if report.broken else 0


def _perform(stage: Stage, report: Report) -> None:
    if not _act(stage, report, "server", _open):
        return
    for name, act in ACTS.items():
        _act(stage, report, name, act)
    evidence = _act(stage, report, "evidence", proof.fetch)
    stage.bar.say("stopping the server")
    stage.tenants[0].admin.line.close()  # else the server would wait for a next question
    stage.house.stop()
    stage.bar.step(2)
    # The copy's server comes up while the evidence is verified.
    copy = tampering.take(stage)
    try:
        if evidence:
            _act(stage, report, "certificate", proof.certificate)
            _act(stage, report, "log", proof.log)
        _act(stage, report, "at rest", at_rest.at_rest)
        _act(stage, report, "tampering", lambda stage: tampering.tamper(stage, copy))
    finally:
        copy.house.stop()


def _open(stage: Stage) -> Lines:
    open_up(stage)
    proof.first_checkpoint(stage)
    names = " and ".join(tenant.company.name for tenant in stage.tenants)
    return [f"PostgreSQL, web server and worker up in {stage.seconds['start']:.1f} s; two tenants: {names}"]


def _act(stage: Stage, report: Report, name: str, act: Act) -> bool:
    """Run one act and note its promise. What nobody foresaw is a broken promise too, told by its kind."""
    stage.bar.say(name)
    try:
        lines = act(stage)
        if lines:
            report.promises.append(Promise(name, tuple(lines)))
    except Broken as broken:
        report.promises.append(Promise(name, broken=str(broken)))
        return False
    except Exception as error:
        report.promises.append(Promise(name, broken=f"{type(error).__name__}: {error}"))
        return False
    finally:
        stage.bar.step()
    return True


def _steps(story: Story) -> int:
    memories = sum(len(company.memories) for company in story.companies)
    asked = len(story.attacks) + len(story.poison) + len(story.quiz) + len(story.companies)
    return SETUP_STEPS + memories + asked + len(ACTS) + 8


def _farewell(report: Report, folder: Path, *, keep: bool) -> None:
    kept = len(report.promises) - len(report.broken)
    broken = ", ".join(promise.name for promise in report.broken)
    print(f"\n  {kept} promises kept" + (f", {len(report.broken)} NOT KEPT: {broken}" if broken else ", none broken"))
    data = f" --data {folder / 'data'}" if keep else ""
    if keep:
        print(f"  kept: {folder}")
    print(f"  Serve it yourself:  ./dev serve{data}   →  http://127.0.0.1:8700\n")

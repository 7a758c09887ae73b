"""Helper processes that may be killed at any moment, singly, without hurting their neighbours.

One backtracking pattern or one hostile text must never freeze the server: each job has a hard limit, after which its
process is killed and replaced. (The standard library's pool breaks as a whole when one worker dies; measured: a single
backtracking match holds the interpreter's lock, so a thread cannot be the cure.) Workers start when first needed, are
told nothing of the parent's environment, and end with the parent: at the end of their input, or by their own alarm.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guard.pii import frames
from guard.pii.port import PiiUnavailable, Reason

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "SYSTEMROOT")
_PAUSE = 10.0  # seconds without another start after one that failed: a missing model must not cost each job a start
_GRACE = 2  # seconds a worker has, beyond the parent's limit, before its own alarm ends it


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds: for one job, for a start with its models, and for waiting until a worker is free."""

    job: float = 10.0
    start: float = 120.0
    queue: float = 60.0


class Worker:
    """One helper process. Not thread-safe: the pool lends it to one job at a time."""

    def __init__(self, module: str, config: Mapping[str, Any], limits: Limits) -> None:
        self._limits = limits
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", _BOOT, module, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _SINGLE_THREADED,
            bufsize=0,
        )
        _living.add(self)
        os.set_blocking(self._stdin, False)
        try:
            answer = self.ask({**config, "alarm": int(limits.start) + _GRACE}, limits.start)
            _refuse(answer)
        except PiiUnavailable:
            self.kill()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def _stdin(self) -> int:
        assert self._process.stdin
        return self._process.stdin.fileno()

    def run(self, job: Mapping[str, Any]) -> Any:
        """One job within its limit. Raises PiiUnavailable; after a time-out or a crash the process is dead."""
        return self.ask({**job, "alarm": int(self._limits.job) + _GRACE}, self._limits.job)

    def ask(self, message: Mapping[str, Any], seconds: float) -> Any:
        assert self._process.stdout
        deadline = time.monotonic() + seconds
        try:
            frames.send_before(self._stdin, message, deadline)
            return frames.receive_before(self._process.stdout.fileno(), deadline)
        except frames.DeadlinePassed:
            self.kill()
            raise PiiUnavailable(Reason.TIMEOUT) from None
        except frames.Closed:
            self.kill()
            raise PiiUnavailable(Reason.CRASH) from None

    def kill(self) -> None:
        """End the process and reap it."""
        self._process.kill()
        self._process.wait()
        self.forget()

    def forget(self) -> None:
        """Close our ends of the pipes."""
        _living.discard(self)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


class Pool:
    """At most `size` workers running `module`, started as jobs come. Safe to share between threads."""

    def __init__(self, module: str, config: Mapping[str, Any], *, size: int = 1, limits: Limits | None = None) -> None:
        self._module, self._config, self._size = module, dict(config), max(1, size)
        self._limits = limits or Limits()
        self._reset()
        _pools.add(self)

    def _reset(self) -> None:
        self._owner = os.getpid()
        # Every place in the queue is a worker that is idle, or None where one may be started.
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(self._size):
            self._idle.put(None)
        self._closed = False
        self._failure: tuple[float, Reason] | None = None

    def run(self, job: Mapping[str, Any]) -> Any:
        """One job on any worker. Raises PiiUnavailable."""
        answer = self.run_many([job])[0]
        if isinstance(answer, PiiUnavailable):
            raise answer
        return answer

    def run_many(self, jobs: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Many jobs, each within its own limit; what failed stands as PiiUnavailable in its place."""
        if len(jobs) < 2 or self._size == 1:
            return self._run_share(jobs)
        shares = [jobs[start :: self._size] for start in range(min(self._size, len(jobs)))]
        answers: list[list[Any]] = [[] for _ in shares]

        def work(place: int) -> None:
            answers[place] = self._run_share(shares[place])

        threads = [threading.Thread(target=work, args=(place,), daemon=True) for place in range(len(shares))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [answers[place % len(shares)][place // len(shares)] for place in range(len(jobs))]

    def _run_share(self, jobs: Sequence[Mapping[str, Any]]) -> list[Any]:
        try:
            worker = self._idle.get(timeout=self._limits.queue)
        except queue.Empty:
            return [PiiUnavailable(Reason.BUSY) for _ in jobs]
        answers: list[Any] = []
        try:
            for job in jobs:
                worker, answer = self._answer(worker, job)
                answers.append(answer)
        finally:
            self._idle.put(worker)
        return answers

    def _answer(self, worker: Worker | None, job: Mapping[str, Any]) -> tuple[Worker | None, Any]:
        """The answer and the worker that is left; a dead one leaves its place to the next job's."""
        try:
            if worker is None or not worker.alive:
                worker = self._start(worker)
            answer = worker.run(job)
            _refuse(answer)
            return worker, answer
        except PiiUnavailable as unavailable:
            return (worker if worker and worker.alive else None), unavailable

    def _start(self, dead: Worker | None) -> Worker:
        if dead:
            dead.kill()
        if self._closed:
            raise PiiUnavailable(Reason.CRASH)
        if self._failure and time.monotonic() < self._failure[0]:
            raise PiiUnavailable(self._failure[1])
        try:
            return Worker(self._module, self._config, self._limits)
        except PiiUnavailable as unavailable:
            self._failure = (time.monotonic() + _PAUSE, unavailable.reason)
            raise

    def warm(self) -> None:
        """Start one worker now, so that the first memory need not wait for the models. Raises PiiUnavailable."""
        worker = self._idle.get(timeout=self._limits.queue)
        try:
            if worker is None or not worker.alive:
                worker = self._start(worker)
        finally:
            self._idle.put(worker if worker and worker.alive else None)

    def close(self) -> None:
        """Kill the idle workers; busy ones die with their job or at the end of the process."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                if worker := self._idle.get_nowait():
                    worker.kill()


def _refuse(answer: Any) -> None:
    if not isinstance(answer, dict):
        raise PiiUnavailable(Reason.CRASH)
    if "unavailable" in answer:
        raise PiiUnavailable(Reason(answer["unavailable"]))


_BOOT = "import sys, runpy; sys.path[:] = sys.argv[2:]; runpy.run_module(sys.argv[1], run_name='__main__')"
_SINGLE_THREADED = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
_living: weakref.WeakSet[Worker] = weakref.WeakSet()
_pools: weakref.WeakSet[Pool] = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    for worker in list(_living):
        worker.kill()


def _after_fork() -> None:
    """A forked child (gunicorn) has no workers: it lets go of its copies of the pipes and starts its own."""
    for worker in list(_living):
        worker.forget()
    for pool in list(_pools):
        pool._reset()


os.register_at_fork(after_in_child=_after_fork)

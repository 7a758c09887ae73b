"""How the worker does, told to the web process and the supervisor through one small file without content.

The web process may not see other tenants' queues, so it cannot ask the database; times and counts are all it learns.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

WRITE_EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Beat:
    """One job's last words: when it last found nothing left to do, and when it last ran at all (epoch seconds)."""

    drained_at: float | None
    ran_at: float


class Pulse:
    """The file's writer: one per worker process, used by every job's thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._beats: dict[str, Beat] = {}
        self._written = 0.0
        self._lock = threading.Lock()

    def beat(self, job: str, *, drained: bool) -> None:
        """Note that `job` ran, and whether nothing was left."""
        with self._lock:
            now, before = time.time(), self._beats.get(job)
            last = before.drained_at if before else None
            self._beats[job] = Beat(now if drained else last, now)
            # The first drain is awaited by the supervisor, so it is told at once.
            if now - self._written >= WRITE_EVERY or (drained and last is None):
                self._write(now)

    def _write(self, now: float) -> None:
        told = {job: {"drained_at": beat.drained_at, "ran_at": beat.ran_at} for job, beat in self._beats.items()}
        being_written = self.path.with_suffix(".new")
        descriptor = os.open(being_written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(told, file)
        being_written.replace(self.path)
        self._written = now


def read(path: Path) -> dict[str, Beat]:
    """Each job's last beat; empty when no worker has written here."""
    try:
        told = json.loads(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return {job: Beat(**beat) for job, beat in told.items()}

"""Keeps a few child processes alive: one that dies is started again, at first at once, then with growing pauses."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from memwrit.embedded.children import bound_to_parent

LONGEST_PAUSE = 10.0
# A child that lived this long is healthy again: its next death is a first one.
HEALTHY_AFTER = 30.0


@dataclass(slots=True)
class Child:
    """One kept process."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    descriptors: tuple[int, ...] = ()
    patience: float = 40.0
    process: subprocess.Popen[bytes] | None = None
    deaths: int = 0
    started: float = field(default=0.0)
    resume_at: float = field(default=0.0)

    def start(self) -> None:
        """Start it, bound to this process's life."""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),
            pass_fds=self.descriptors,
            start_new_session=True,
            preexec_fn=bound_to_parent(signal.SIGTERM),
        )

    def tend(self) -> None:
        """Start it again if it has died and its pause is over."""
        if self.process is not None and self.process.poll() is not None:
            lived = time.monotonic() - self.started
            self.deaths = 1 if lived > HEALTHY_AFTER else self.deaths + 1
            pause = 0.0 if self.deaths == 1 else min(0.5 * 2 ** (self.deaths - 1), LONGEST_PAUSE)
            print(f"{self.name} ended ({self.process.returncode}); starting it again", file=sys.stderr)
            self.resume_at = time.monotonic() + pause
            self.process = None
        if self.process is None and time.monotonic() >= self.resume_at:
            self.start()

    def stop(self) -> None:
        """End it in order, by force once its patience is over."""
        process, self.process = self.process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.patience)
            return
        process.kill()
        process.wait(5.0)

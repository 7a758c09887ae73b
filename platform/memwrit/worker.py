"""`memwrit worker`: Celery's worker for some or all classes of work, as operators run it.

It needs the application's and the eraser's roles; never those of the relay, the sequencer or an owner.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from celery import bootsteps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from foundation.kernel.leasing import EVERY, Queue

BEAT = 5.0


def run(queues: Sequence[Queue] = EVERY, *, concurrency: int = 0, pulse: str = "") -> int:
    """Work until told to end; what is under way is finished first. Raises `ImproperlyConfigured` without a broker.

    `concurrency`: processes (0: one for each processor). `pulse`: a file that is touched while the broker is there.
    """
    if not settings.BROKER_URL:
        raise ImproperlyConfigured("BROKER_URL is not set: without a broker `memwrit tick` does the work itself")
    from memwrit.celery import app, name_of

    if pulse:
        app.steps["consumer"].add(_beating(Path(pulse)))
    app.worker_main(
        [
            "--quiet",
            "worker",
            f"--queues={','.join(name_of(each) for each in queues)}",
            f"--concurrency={concurrency or os.cpu_count() or 1}",
            f"--hostname=memwrit-{os.getpid()}@{socket.gethostname()}",
            "--loglevel=WARNING",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
        ]
    )
    return 0


def _beating(path: Path) -> type[bootsteps.StartStopStep]:
    """A step of the worker's that touches `path` while it is connected: a liveness probe looks at its age."""

    class Beating(bootsteps.StartStopStep):
        requires = ("celery.worker.consumer.tasks:Tasks",)

        def __init__(self, consumer: Any, **_: Any) -> None:
            self.timer: Any = None

        def start(self, consumer: Any) -> None:
            path.touch()
            self.timer = consumer.timer.call_repeatedly(BEAT, path.touch)

        def stop(self, consumer: Any) -> None:
            if self.timer is not None:
                self.timer.cancel()

    return Beating

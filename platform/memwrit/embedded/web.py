"""gunicorn's configuration for the embedded server: each worker loads its models when it starts, not at the first
request, which would wait for them."""

from __future__ import annotations

import gc
import logging
import os
import subprocess
import sys
import threading
from typing import Any

from foundation.rest.shedding import Shed
from memwrit import health, telemetry

log = logging.getLogger("memwrit.web")
YOUNG = 10_000
"""Objects made after which the youngest are looked through for garbage: about ten requests' worth."""


def on_starting(server: Any) -> None:
    """Called by gunicorn in its main process, which answers no request: before the first worker is forked."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "memwrit.settings")
    telemetry.begin("web")


def child_exit(server: Any, worker: Any) -> None:
    """Called by gunicorn in its main process when a worker has ended."""
    telemetry.ended(worker.pid)


def worker_exit(server: Any, worker: Any) -> None:
    """Called by gunicorn in a worker that ends."""
    telemetry.stop()


def post_worker_init(worker: Any) -> None:
    """Called by gunicorn in each new worker; requests are answered meanwhile, and wait only for what they need."""
    telemetry.start("web")
    Shed.waiting = worker.tpool._work_queue.qsize  # gthread's pool: requests that no thread has taken up
    threading.Thread(target=warm, name="warm", daemon=True).start()


def warm() -> None:
    """Load the recognisers and the encoder. What fails here fails again, and is told, where it is needed."""
    from foundation.search.embedders import embedder
    from guard.pii.pool import redactor
    from guard.pii.rampart_files import model_directory

    try:
        # Once in a data directory's life; in a process of its own, because it needs much memory for a few seconds.
        subprocess.run(
            [sys.executable, "-m", "guard.pii.requantise", str(model_directory())],
            check=False,
            timeout=300,
            stdout=subprocess.DEVNULL,
        )
        redactor().warm()
        embedder().embed(["ready"])
    except Exception as error:
        log.warning("a model was not loaded: %s", type(error).__name__)
    finally:
        _settle()
        health.warm.set()


def _settle() -> None:
    """What was loaded stays: cyclic garbage is looked for only among what came later, and not after every few requests'
    worth of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG)

"""How gunicorn serves the application: the same for `memwrit serve`, for `memwrit web` and for tests of either."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

THREADS = 8
GRACEFUL = 20
"""Seconds that a request may still take once the end was asked for."""


def workers() -> int:
    """Web processes, as `WEB_WORKERS` says."""
    return int(os.environ.get("WEB_WORKERS") or "2")


def command(*binds: str, processes: int = 0, threads: int = THREADS, more: Sequence[str] = ()) -> list[str]:
    """gunicorn's command line: threads, models loaded by each new worker, logs without content, no access log."""
    told = [sys.executable, "-m", "gunicorn", "memwrit.wsgi:application", "--config", "python:memwrit.embedded.web"]
    told += [word for bind in binds for word in ("--bind", bind)]
    told += ["--worker-class", "gthread", "--preload", "--no-control-socket"]
    told += ["--workers", str(processes or workers()), "--threads", str(threads)]
    told += ["--timeout", "60", "--graceful-timeout", str(GRACEFUL), "--keep-alive", "5"]
    return [*told, "--log-level", "error", "--logger-class", "memwrit.embedded.journal.Journal", *more]

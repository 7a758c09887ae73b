"""Liveness and readiness. `/healthz` asks nobody; `/readyz` asks each dependency and says what each answered.

Verdicts hold times and names of exceptions, never addresses, never content: both doors are open to everyone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, JsonResponse

from foundation.kernel import clock
from memwrit import pulse

# A worker that was not heard of for so long is told as silent; its tenants' writes stop on their own (security.md §4).
SILENT_AFTER = 30.0
NOBODY = UUID(int=0)
CLOCKS_APART = timedelta(seconds=30)
"""A server whose clock is further from the database's gets no requests: what it dates would be wrong for all others."""
Verdict = dict[str, Any]


def healthz(request: HttpRequest) -> JsonResponse:
    """This process answers."""
    return JsonResponse({"status": "ok"})


warm = threading.Event()
"""Set once this process has loaded its models, or has found that it cannot: `embedded.web`."""


def readyz(request: HttpRequest) -> JsonResponse:
    """503 while a dependency that every request needs is away; the worker's state is told and does not decide.

    Asked `?models`, also 503 until this process has loaded its models: whoever exchanges servers sends nobody to one
    that would let him wait for them. Whoever starts the only one (`memwrit serve`) would only wait longer.
    """
    needed = {name: _asked(check) for name, check in NEEDED.items()}
    if "models" in request.GET:
        needed["models"] = {"ok": warm.is_set()}
    ready = all(verdict["ok"] for verdict in needed.values())
    body = {"status": "ready" if ready else "unready", "checks": needed | _worker()}
    return JsonResponse(body, status=200 if ready else 503)


def _asked(check: Callable[[], None]) -> Verdict:
    began = time.monotonic()
    try:
        check()
    except Exception as error:
        return {"ok": False, "error": type(error).__name__}
    return {"ok": True, "ms": round((time.monotonic() - began) * 1000, 1)}


def _reach(alias: str) -> None:
    connection = connections[alias]
    connection.close_if_unusable_or_obsolete()
    connection.ensure_connection()
    if not connection.is_usable():
        connection.close()
        raise ConnectionError


def _reach_kms() -> None:
    """Any question will do; the nil tenant has no keys, and an answer is an answer."""
    from foundation.keyring.kms import kms

    kms().epochs(NOBODY, 0)


class ClocksApart(Exception):
    """This machine's clock and the database's differ by more than `CLOCKS_APART`."""


def _agree_on_time() -> None:
    if abs(clock.ahead()) > CLOCKS_APART:
        raise ClocksApart


def _worker() -> dict[str, Verdict]:
    """Each job of the worker: whether it has been heard of, whether it ever had nothing left, and since when not."""
    beats, now = pulse.read(Path(settings.PULSE)), time.time()
    return {job: _job(beats.get(job), now) for job in ("relay", "sequencer", "retention")}


def _job(beat: pulse.Beat | None, now: float) -> Verdict:
    if beat is None:
        return {"ok": False, "drained": False}
    behind = None if beat.drained_at is None else round(max(0.0, now - beat.drained_at), 1)
    return {"ok": now - beat.ran_at < SILENT_AFTER, "drained": beat.drained_at is not None, "behind_s": behind}


NEEDED: dict[str, Callable[[], None]] = {
    "database": lambda: _reach("default"),
    "keyring": lambda: _reach("keyring"),
    "kms": _reach_kms,
    "clock": _agree_on_time,
}

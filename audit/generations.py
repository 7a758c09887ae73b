"""How often a log was begun anew: after a restore the database is older than its pin, and no older log can pass for it.

The number lies beside the pins, outside every database. It is part of the log's origin, so that who holds a checkpoint
from before sees another log, never a shorter one.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.signals import setting_changed

from foundation.kernel.problems import Integrity, Unavailable

FRESH = 5.0
_seen: dict[UUID, tuple[float, int]] = {}


def current(tenant: UUID) -> int:
    """1 for a log that was never begun anew; at most 5 s old. Raises `Unavailable` where it cannot be read, and
    `Integrity` for what is no number: that stops its tenant and no other."""
    at, number = _seen.get(tenant, (0.0, 0))
    if at and time.monotonic() - at < FRESH:
        return number
    _seen[tenant] = time.monotonic(), _read(tenant)
    return _seen[tenant][1]


def advance(tenant: UUID, number: int) -> None:
    """Say durably that the log's `number`th generation has begun."""
    draft = _path(tenant).with_suffix(".draft")
    with open(draft, "w", encoding="ascii") as file:
        file.write(str(number))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(_path(tenant))
    _seen.pop(tenant, None)


def _read(tenant: UUID) -> int:
    try:
        return int(_path(tenant).read_text(encoding="ascii"))
    except FileNotFoundError:
        return 1
    except OSError as error:
        raise Unavailable("A log's generation cannot be read.", retry_after=5) from error
    except ValueError as error:
        raise Integrity("A log's generation is no number.") from error


def _path(tenant: UUID) -> Path:
    return Path(settings.AUDIT_PIN.removeprefix("file:")) / f"{tenant}.generation"


setting_changed.connect(lambda **_: _seen.clear(), weak=False)

"""What falls due by time rather than by a request: rotations that were interrupted, an index that a crash emptied."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

log = logging.getLogger("memwrit.upkeep")


@dataclass(frozen=True, slots=True)
class Duty:
    """Something to do in each active tenant's scope, every so many seconds. Idempotent."""

    name: str
    act: Callable[[], object]
    every: float


class Upkeep:
    """The duties, and when each was last done. `round` is one look at all of them."""

    def __init__(self, duties: tuple[Duty, ...]) -> None:
        self.duties = duties
        self._last: dict[str, float] = {}

    def round(self) -> int:
        """Do what is due, for every tenant; 0, for nothing is left over that could be done at once."""
        for duty in self.duties:
            now = time.monotonic()
            if now - self._last.get(duty.name, -duty.every) >= duty.every:
                self._last[duty.name] = now
                for_each_tenant(duty.name, duty.act)
        return 0


def for_each_tenant(name: str, act: Callable[[], object]) -> None:
    """One tenant's failure holds up no other."""
    from foundation.kernel.scope import tenant_scope

    for tenant_id in tenants():
        try:
            with tenant_scope(tenant_id):
                act()
        except Exception:
            log.exception("%s failed for a tenant", name)


def tenants() -> Iterator[UUID]:
    """Every active tenant."""
    from foundation.kernel.models import Registry

    return iter(list(Registry.objects.filter(state=Registry.State.ACTIVE).values_list("id", flat=True)))


def recover_keys() -> None:
    """Complete or undo rotations of killed processes.

    No grace: rotations run in the worker alone, and undoing one that is under way only makes it begin anew.
    """
    from foundation.keyring.rotation import recover

    recover(timedelta(seconds=0) if _first_round() else timedelta(seconds=60))


def restore_index() -> None:
    """Fill index generations again that a crash emptied (the tables are UNLOGGED)."""
    from governance.indexing import restore

    restore()


def rekey_index() -> None:
    """Give the index a new key once erasures have waited long enough for it."""
    from governance.services.swap_index import keep_key_fresh

    keep_key_fresh()


def sweep_keys() -> None:
    """Remove keys whose records never came to be."""
    from governance.services.sweep_keys import sweep_keys as run

    run()


def sweep_retention() -> None:
    """Erase what is older than its policy allows, and what nothing keeps any more."""
    from governance.services.sweep_retention import sweep_retention as run

    run()


def keep_lessons() -> None:
    """End lessons whose time has come, try again those that waited, destroy what has long been out of use."""
    from guard.lessons.expiry import upkeep

    upkeep()


def sweep_opinions() -> None:
    """Remove what the optional judge said too long ago."""
    from guard.optional_judge.opinions import sweep

    sweep()


def recalibrate_guard() -> None:
    """Learn the tenant's own thresholds from what it admits."""
    from governance.services.recalibrate import recalibrate

    recalibrate()


_began = time.monotonic()


def _first_round() -> bool:
    """Shortly after the start, whatever is unfinished was left by a process that is no more."""
    return time.monotonic() - _began < 15.0


upkeep = Upkeep(
    (
        Duty("key recovery", recover_keys, 15.0),
        Duty("index restoration", restore_index, 15.0),
        Duty("index re-key", rekey_index, 60.0),
        Duty("retention", sweep_retention, 30.0),
        Duty("key sweep", sweep_keys, 3600.0),
        Duty("guard calibration", recalibrate_guard, 21600.0),
        Duty("opinion sweep", sweep_opinions, 3600.0),
        Duty("lessons", keep_lessons, 3600.0),
    )
)

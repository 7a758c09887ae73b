"""Opened data keys, held in this process for at most 20 seconds.

An entry's age counts from before its row was read, so a key whose row goes at time t is in no cache after t + 20 s.
That bound is the last step of forgetting: see `Destruction.caches_end_at`.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from uuid import UUID

LIFE = timedelta(seconds=20)
_SWEEP_SECONDS = 1.0
_USE_SECONDS = LIFE.total_seconds() - _SWEEP_SECONDS  # so that the sweep, too, is over by the end of LIFE

Name = tuple[UUID, UUID]  # tenant, key


def since_boot() -> float:
    """Seconds since boot: never set back, and still counting while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class OpenKeys:
    """A bounded store of opened keys, oldest first. Safe for threads; a fork begins empty.

    A timer empties it even if nobody asks again: an idle process keeps nothing past the end.
    """

    def __init__(self, size: int = 20_000, clock: Callable[[], float] = since_boot) -> None:
        self.clock = clock
        self._size = size
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[Name, tuple[float, bytes]] = OrderedDict()
        self._timer: threading.Timer | None = None

    def get(self, tenant: UUID, ids: Iterable[UUID]) -> dict[UUID, bytes]:
        end = self.clock() - _USE_SECONDS
        with self._lock:
            found = {i: self._held[tenant, i] for i in ids if (tenant, i) in self._held}
        return {i: key for i, (read_at, key) in found.items() if read_at > end}

    def put(self, tenant: UUID, keys: Mapping[UUID, bytes], *, read_at: float) -> None:
        """Hold `keys`, whose rows were read at or after `read_at` of `clock()`."""
        with self._lock:
            for id_, key in keys.items():
                self._held.pop((tenant, id_), None)
                self._held[tenant, id_] = read_at, key
            while len(self._held) > self._size:
                self._held.popitem(last=False)
            self._watch()

    def drop(self, tenant: UUID, ids: Iterable[UUID]) -> None:
        with self._lock:
            for id_ in ids:
                self._held.pop((tenant, id_), None)

    def clear(self) -> None:
        with self._lock:
            self._held.clear()

    def __len__(self) -> int:
        return len(self._held)

    def _expire(self) -> None:
        end = self.clock() - _USE_SECONDS
        while self._held and next(iter(self._held.values()))[0] <= end:
            self._held.popitem(last=False)

    def _watch(self) -> None:
        if self._timer is None and self._held:
            self._timer = threading.Timer(_SWEEP_SECONDS, self._sweep)
            self._timer.daemon = True
            self._timer.start()

    def _sweep(self) -> None:
        with self._lock:
            self._timer = None
            self._expire()
            self._watch()

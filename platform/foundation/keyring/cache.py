"""Secrets held in this process for at most 20 seconds.

An entry's age counts from before its source was read, so a key whose row goes at time t is in no cache after t + 20 s.
That bound is the last step of forgetting: see `Destruction.caches_end_at`.
"""

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Generic, TypeVar

LIFE = timedelta(seconds=20)
_SWEEP_SECONDS = 1.0
_USE_SECONDS = LIFE.total_seconds() - _SWEEP_SECONDS  # so that the sweep, too, is over by the end of LIFE

K = TypeVar("K")
V = TypeVar("V")


def since_boot() -> float:
    """Seconds since boot: never set back, and still counting while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ShortLived(Generic[K, V]):
    """A bounded store, oldest first. Safe for threads; a fork begins empty.

    A timer empties it even if nobody asks again: an idle process keeps nothing past the end.
    """

    def __init__(self, size: int, clock: Callable[[], float] = since_boot) -> None:
        self.clock = clock
        self._size = size
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._held: OrderedDict[K, tuple[float, V]] = OrderedDict()
        self._timer: threading.Timer | None = None

    def get(self, names: Iterable[K]) -> dict[K, V]:
        """What is held of `names` and still young enough."""
        end = self.clock() - _USE_SECONDS
        with self._lock:
            found = [(name, held) for name in names if (held := self._held.get(name))]
        return {name: value for name, (read_at, value) in found if read_at > end}

    def one(self, name: K) -> V | None:
        """As `get`, of one name; None where nothing is held."""
        end = self.clock() - _USE_SECONDS
        with self._lock:
            read_at, value = self._held.get(name, (end, None))
        return value if read_at > end else None

    def put(self, values: Mapping[K, V], *, read_at: float) -> None:
        """Hold `values`, whose sources were read at or after `read_at` of `clock()`."""
        with self._lock:
            for name, value in values.items():
                self._held.pop(name, None)
                self._held[name] = read_at, value
            while len(self._held) > self._size:
                self._held.popitem(last=False)
            self._watch()

    def drop(self, names: Iterable[K]) -> None:
        with self._lock:
            for name in names:
                self._held.pop(name, None)

    def clear(self) -> None:
        with self._lock:
            self._held.clear()

    def __len__(self) -> int:
        return len(self._held)

    def _watch(self) -> None:
        if self._timer is None and self._held:
            self._timer = threading.Timer(_SWEEP_SECONDS, self._sweep)
            self._timer.daemon = True
            self._timer.start()

    def _sweep(self) -> None:
        end = self.clock() - _USE_SECONDS
        with self._lock:
            self._timer = None
            while self._held and next(iter(self._held.values()))[0] <= end:
                self._held.popitem(last=False)
            self._watch()

"""A circuit breaker: after some failures in a row nothing is asked for a while; nobody waits for a dead node."""

import threading
import time

from foundation.kernel.problems import Unavailable

FAILURES = 5
OPEN_SECONDS = 5.0


class Breaker:
    """Closed at first. Opens after `FAILURES` in a row; then one request at a time may try again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_again = 0.0

    def demand_closed(self) -> None:
        """Raises `Unavailable` while open; lets one request through when the time is over."""
        with self._lock:
            if self._failures < FAILURES:
                return
            left = self._closed_again - time.monotonic()
            if left > 0:
                raise Unavailable("The search engine cannot be reached.", retry_after=max(1, round(left)))
            self._closed_again = time.monotonic() + OPEN_SECONDS

    def succeeded(self) -> None:
        with self._lock:
            self._failures = 0

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES:
                self._closed_again = time.monotonic() + OPEN_SECONDS

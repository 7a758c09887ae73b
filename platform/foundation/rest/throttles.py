"""Rate limits: a token bucket for each credential, in this process's memory; and a count of refused strangers.

A bucket of several web processes is as many times as wide: the limit protects the process, quotas protect the tenant.
"""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.conf import settings

from foundation.kernel.problems import RateLimited

_MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` requests at once, refilled by `per_second`."""

    burst: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a bucket; `wait` is the whole seconds until the next request is taken (0: it was taken)."""

    rate: Rate
    left: int
    wait: int

    def require(self) -> None:
        """Raise `RateLimited` unless the token was taken."""
        if self.wait:
            raise RateLimited(retry_after=self.wait)

    def headers(self) -> dict[str, str]:
        """`RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10."""
        window = math.ceil(self.rate.burst / self.rate.per_second)
        refill = max(self.wait, math.ceil((self.rate.burst - self.left) / self.rate.per_second))
        return {
            "RateLimit-Policy": f'"default";q={self.rate.burst};w={window}',
            "RateLimit": f'"default";r={self.left};t={refill}',
        }


class Buckets:
    """Token buckets by name; the least lately used are forgotten beyond ten thousand."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str, rate: Rate) -> Standing:
        """Take one token of `name`; `require` of what is answered refuses where there was none."""
        with self._lock:
            now = self._clock()
            tokens, at = self._buckets.pop(name, (float(rate.burst), now))
            tokens = min(rate.burst, tokens + (now - at) * rate.per_second)
            taken = tokens >= 1
            self._buckets[name] = (tokens - taken, now)
            if len(self._buckets) > _MOST_BUCKETS:
                self._buckets.popitem(last=False)
        wait = 0 if taken else math.ceil((1 - tokens) / rate.per_second)
        return Standing(rate, int(tokens - taken), wait)


credentials, strangers = Buckets(), Buckets()


def credential_rate() -> Rate:
    return Rate(*getattr(settings, "RATE_LIMIT", (1000, 200.0)))


def stranger_rate() -> Rate:
    return Rate(*getattr(settings, "RATE_LIMIT_STRANGERS", (100, 2.0)))


def caller(meta: Mapping[str, str]) -> str:
    """Whose request this is, as `network` names them. Behind proxies of ours (`settings.PROXIES`) that is what the
    outermost of them wrote: every earlier word of the header is whatever the caller liked."""
    behind = getattr(settings, "PROXIES", 0)
    said = [part.strip() for part in meta.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    return network(said[-behind] if 0 < behind <= len(said) else meta.get("REMOTE_ADDR", ""))


def network(address: str) -> str:
    """What counts as one caller: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    return str(parsed) if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))

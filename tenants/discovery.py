"""What identity providers publish, kept for ten minutes in this process: who signs in does not wait for it each time.

Only public documents, by their addresses; what they say is judged anew at every use (`tenants.oidc`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from foundation.keyring.cache import since_boot

Document = dict[str, Any]

LIFE = 600.0
"""Seconds for which a document is believed unasked."""
AGAIN = 10.0
"""Seconds after which it is fetched anew when it lacks what is looked for: no answer of a stranger makes us ask more
often."""
_MOST = 256


class Documents:
    """Documents by address, the least lately fetched forgotten first. A failed fetch is not kept."""

    def __init__(self, clock: Callable[[], float] = since_boot) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._held: OrderedDict[str, tuple[float, Document]] = OrderedDict()

    def get(self, url: str, fetch: Callable[[str], Document], *, within: float = LIFE) -> Document:
        """The document, no older than `within` seconds; raises what `fetch` raises."""
        at = self._clock()
        with self._lock:
            found = self._held.get(url)
        if found is not None and at - found[0] < within:
            return found[1]
        document = fetch(url)
        with self._lock:
            self._held.pop(url, None)
            self._held[url] = at, document
            while len(self._held) > _MOST:
                self._held.popitem(last=False)
        return document

    def clear(self) -> None:
        with self._lock:
            self._held.clear()

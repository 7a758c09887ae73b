"""An OpenSearch node for one benchmark, as it would run (the tests' starts quickly instead), gone afterwards.

`OPENSEARCH_URL` names another instead.
"""

from __future__ import annotations

import contextlib
import json
import os
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil


@dataclass(frozen=True, slots=True)
class Node:
    """Where it answers; its process and its data, unless it is somebody else's."""

    url: str
    pid: int | None = None
    data: Path | None = None

    def ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=60) as answer:
            return json.load(answer)

    def memory(self) -> dict[str, int]:
        """Megabytes of heap in use, and resident."""
        [told] = self.ask("/_nodes/_local/stats/jvm")["nodes"].values()
        heap = told["jvm"]["mem"]["heap_used_in_bytes"] >> 20
        resident = psutil.Process(self.pid).memory_info().rss >> 20 if self.pid else 0
        return {"heap_mb": heap, "rss_mb": resident}

    def disk(self, pattern: str) -> int:
        """Bytes of the indices of that name, as the node counts them."""
        return int(self.ask(f"/{pattern}/_stats/store")["_all"]["primaries"]["store"]["size_in_bytes"])


@contextlib.contextmanager
def own_node(heap: str = "1g") -> Iterator[Node]:
    """Start it (its parts are fetched once) and stop it."""
    if given := os.environ.get("OPENSEARCH_URL"):
        yield Node(given)
        return
    from tests.opensearch.node import whole

    with whole(heap=heap) as [server]:
        yield Node(server.url, _java(server.pid), server.data)


def _java(pid: int) -> int:
    """The server itself: the largest of what was started."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return max(family, key=lambda process: process.memory_info().rss).pid

"""Bulk writing: external versions decide, the busy are tried again, and nothing is taken for written that was not."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final
from uuid import UUID

from foundation.search.opensearch.connection import BUSY, Busy, Connection, Nonsense, Refused, field, pause, unavailable
from foundation.search.opensearch.documents import Write

CHUNK = 500
PATIENCE: Final = 30.0
DELAYS: Final = (0.1, 0.4, 1.0, 2.0)  # seconds before an item that found the node busy is sent again
_CONFLICT, _MISSING = 409, 404


def write(node: Connection, index: str, tenant_id: UUID, writes: Iterable[Write], *, refresh: bool = True) -> int:
    """How many of `writes` were newer than what stood. Raises `Unavailable` unless each of them was settled."""
    source, written = iter(writes), 0
    while chunk := list(islice(source, CHUNK)):
        written += _settle(node, index, tenant_id, chunk, refresh)
    return written


def _settle(node: Connection, index: str, tenant_id: UUID, chunk: Sequence[Write], refresh: bool) -> int:
    written, left = 0, list(chunk)
    for attempt in range(len(DELAYS) + 1):
        statuses = _sent(node, index, tenant_id, left, refresh)
        written += sum(status in (200, 201) for status in statuses)
        left = [one for one, status in zip(left, statuses, strict=True) if status in BUSY]
        if not left:
            return written
        if attempt < len(DELAYS):
            pause(attempt, DELAYS)
    raise unavailable()


def _sent(node: Connection, index: str, tenant_id: UUID, writes: Sequence[Write], refresh: bool) -> list[int]:
    params = {"refresh": "true" if refresh else "false", "routing": tenant_id.hex}
    body = "".join(_lines(writes))
    try:
        answer = node.call("POST", f"/{index}/_bulk", params=params, body=body, patience=PATIENCE)
    except Busy:
        return [min(BUSY)] * len(writes)
    if answer is None:
        raise unavailable()
    items = field(answer, "items")
    statuses = [field(item, "index", "status") for item in items]
    if len(statuses) != len(writes):
        raise Nonsense
    for item, status in zip(items, statuses, strict=True):
        _demand_settled(item, status)
    return statuses


def _demand_settled(item: Any, status: int) -> None:
    if status == _MISSING:
        raise unavailable()
    if status not in (200, 201, _CONFLICT, *BUSY):
        raise Refused(f"{status} {field(item, 'index', 'error', 'type')}")


def _lines(writes: Sequence[Write]) -> Iterator[str]:
    for one in writes:
        versioned = {} if one.revision is None else {"version": one.revision, "version_type": "external"}
        yield json.dumps({"index": {"_id": one.id, **versioned}}) + "\n"
        yield json.dumps(one.fields, separators=(",", ":")) + "\n"


def delete(node: Connection, indices: str, tenant_id: UUID, query: dict[str, Any]) -> int:
    """Delete every document of the tenant that `query` finds, in rounds of a bounded size; returns how many."""
    deleted = 0
    params = {"routing": tenant_id.hex, "conflicts": "proceed", "refresh": "true", "ignore_unavailable": "true"}
    while True:
        refresh(node, indices)
        body = {"query": query, "max_docs": 10_000}
        answer = node.call("POST", f"/{indices}/_delete_by_query", params=params, body=body, patience=2 * PATIENCE)
        if answer is None:
            return deleted
        if field(answer, "timed_out") or field(answer, "failures"):
            raise unavailable()
        deleted += int(field(answer, "deleted"))
        if not field(answer, "total"):
            return deleted


def refresh(node: Connection, indices: str) -> None:
    """Make every write of before visible to searches."""
    node.call("POST", f"/{indices}/_refresh", params={"ignore_unavailable": "true"}, patience=PATIENCE)

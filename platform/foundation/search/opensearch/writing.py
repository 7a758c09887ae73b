"""Bulk writing: external versions decide, the busy are tried again, and nothing is taken for written that was not."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Any, Final
from uuid import UUID

import orjson

from foundation.search.opensearch.connection import BUSY, Busy, Connection, Nonsense, Refused, field, pause, unavailable
from foundation.search.opensearch.documents import Write

CHUNK = 500
AHEAD = 2  # chunks on their way: one is written while the next is made
PATIENCE: Final = 30.0
DELAYS: Final = (0.1, 0.4, 1.0, 2.0)  # seconds before an item that found the node busy is sent again
_CONFLICT, _MISSING = 409, 404


def write(node: Connection, index: str, tenant_id: UUID, writes: Iterable[Write], *, refresh: bool = True) -> int:
    """How many of `writes` were newer than what stood. Raises `Unavailable` unless each of them was settled.

    `writes` is read as it is sent; the node gets `AHEAD` chunks at a time, so that it never waits for us. Nothing is
    asked to be visible before all of it stands.
    """
    source = iter(writes)
    first, second = list(islice(source, CHUNK)), list(islice(source, CHUNK))
    if not second:
        return _settle(node, index, tenant_id, first, refresh) if first else 0
    written = _settle_many(node, index, tenant_id, _chunked(source, first, second))
    if refresh:
        make_visible(node, index)
    return written


def _settle_many(node: Connection, index: str, tenant_id: UUID, chunks: Iterable[list[Write]]) -> int:
    written = 0
    with ThreadPoolExecutor(AHEAD, thread_name_prefix="bulk") as pool:
        sent: deque[Future[int]] = deque()
        try:
            for chunk in chunks:
                sent.append(pool.submit(_settle, node, index, tenant_id, chunk, False))
                if len(sent) > AHEAD:
                    written += sent.popleft().result()
            return written + sum(each.result() for each in sent)
        finally:
            for each in sent:
                each.cancel()


def _chunked(source: Iterator[Write], *first: list[Write]) -> Iterator[list[Write]]:
    yield from first
    while chunk := list(islice(source, CHUNK)):
        yield chunk


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
    body = b"".join(_lines(writes))
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


def _lines(writes: Sequence[Write]) -> Iterator[bytes]:
    how = orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY  # float32 in the fewest digits that say it exactly
    for one in writes:
        versioned = {} if one.revision is None else {"version": one.revision, "version_type": "external"}
        yield orjson.dumps({"index": {"_id": one.id, **versioned}}, option=how)
        yield orjson.dumps(one.fields, option=how)


def delete(node: Connection, indices: str, tenant_id: UUID, query: dict[str, Any]) -> int:
    """Delete every document of the tenant that `query` finds, in rounds of a bounded size; returns how many."""
    deleted = 0
    params = {"routing": tenant_id.hex, "conflicts": "proceed", "refresh": "true", "ignore_unavailable": "true"}
    while True:
        make_visible(node, indices)
        body = {"query": query, "max_docs": 10_000}
        answer = node.call("POST", f"/{indices}/_delete_by_query", params=params, body=body, patience=2 * PATIENCE)
        if answer is None:
            return deleted
        if field(answer, "timed_out") or field(answer, "failures"):
            raise unavailable()
        deleted += int(field(answer, "deleted"))
        if not field(answer, "total"):
            return deleted


def make_visible(node: Connection, indices: str) -> None:
    """Make every write of before visible to searches."""
    node.call("POST", f"/{indices}/_refresh", params={"ignore_unavailable": "true"}, patience=PATIENCE)

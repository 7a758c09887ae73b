"""Walks over all of what a query finds, at one point in time, which is closed however the walk ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from foundation.search.opensearch.connection import Connection, field, whole

PAGE = 2_000
_KEEP = "2m"


def walk(node: Connection, index: str, tenant_id: UUID, query: dict[str, Any], fields: list[str]) -> Iterator[Any]:
    """The hits of `query`, ordered by record and version, with `fields`. Nothing if there is no such index."""
    with _point_in_time(node, index, tenant_id) as point:
        after = None
        while point:
            page = _page(node, point, query, fields, after)
            yield from page
            if len(page) < PAGE:
                return
            after = field(page[-1], "sort")


def _page(node: Connection, point: str, query: dict[str, Any], fields: list[str], after: Any) -> list[Any]:
    body = {
        "size": PAGE,
        "track_total_hits": False,
        "_source": False,
        "stored_fields": "_none_",
        "query": query,
        "pit": {"id": point, "keep_alive": _KEEP},
        "sort": [{"record": "asc"}, {"version": "asc"}],
        "docvalue_fields": fields,
        **({"search_after": after} if after else {}),
    }
    hits: list[Any] = field(whole(node.call("POST", "/_search", body=body)), "hits", "hits")
    return hits


@contextmanager
def _point_in_time(node: Connection, index: str, tenant_id: UUID) -> Iterator[str]:
    params = {"keep_alive": _KEEP, "routing": tenant_id.hex}
    opened = node.call("POST", f"/{index}/_search/point_in_time", params=params)
    if opened is None:
        yield ""
        return
    point: str = field(opened, "pit_id")
    try:
        yield point
    finally:
        node.call("DELETE", "/_search/point_in_time", body={"pit_id": [point]})

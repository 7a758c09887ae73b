"""Lists: `{"data", "next_cursor", "has_more"}`, by keyset. A cursor is sealed for one tenant, list and set of filters.

A cursor that was not made here, or was made for another tenant, another list or other filters, is a 422 with the
pointer `/cursor`: the parameter is a field like any other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers

from foundation.kernel.canonical import canonical
from foundation.kernel.problems import FieldError, Problem, Validation
from foundation.kernel.scope import current_tenant
from foundation.keyring import keys
from foundation.keyring.sealing import open_sealed, seal
from foundation.rest.fields import Boolean, Integer, Text
from foundation.rest.serializers import Shape, StrictSerializer

DEFAULT_LIMIT, MOST = 50, 200
Key = UUID | int


class ListQuery(StrictSerializer):
    """The parameters of every list; lists with filters subclass it."""

    cursor = Text(required=False, max_length=512, pattern=r"^[A-Za-z0-9_-]+$")
    limit = Integer(required=False, default=DEFAULT_LIMIT, min_value=1, max_value=MOST)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rendered items."""

    data: list[Any]
    next_cursor: str | None

    def body(self) -> dict[str, Any]:
        return {"data": self.data, "next_cursor": self.next_cursor, "has_more": self.next_cursor is not None}


@dataclass(frozen=True, slots=True)
class Pager:
    """Where a list goes on: `limit` items after the one whose order value is `after`."""

    name: str
    limit: int
    after: Key | None
    _aad: bytes
    _key: bytes

    def page(self, rows: QuerySet[Any], render: Callable[[Any], Any], *, order: str = "-id") -> Page:
        """One page of `rows` by the unique column `order` (`-` for falling). Call it inside the transaction."""
        column, falling = order.removeprefix("-"), order.startswith("-")
        if self.after is not None:
            rows = rows.filter(**{f"{column}__{'lt' if falling else 'gt'}": self.after})
        found = list(rows.order_by(order)[: self.limit + 1])
        return self.cut(found, render, lambda row: getattr(row, column))

    def cut(self, found: list[Any], render: Callable[[Any], Any], key: Callable[[Any], Key]) -> Page:
        """A page out of up to `limit + 1` items that are already in order and after `after`."""
        shown, more = found[: self.limit], len(found) > self.limit
        return Page([render(row) for row in shown], self._cursor(key(shown[-1])) if more else None)

    def _cursor(self, last: Key) -> str:
        data = json.dumps(str(last) if isinstance(last, UUID) else last).encode()
        return base64.urlsafe_b64encode(seal(self._key, self._aad, data)).rstrip(b"=").decode()


def pager(name: str, query: Mapping[str, Any]) -> Pager:
    """The pager of the list called `name` for a validated `ListQuery`; raises `Validation` for a foreign cursor.

    Call it before opening a transaction: the tenant's cursor key may have to be made.
    """
    filters = {k: repr(v) for k, v in sorted(query.items()) if k not in ("cursor", "limit")}
    digest = hashlib.sha256(canonical(filters)).hexdigest()
    aad = canonical(["cursor", str(current_tenant()), name, digest])
    key = keys.named("cursor")
    cursor = query.get("cursor")
    after = _open(cursor, key, aad) if cursor is not None else None
    return Pager(name, query.get("limit", DEFAULT_LIMIT), after, aad, key)


def _open(cursor: str, key: bytes, aad: bytes) -> Key:
    try:
        sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        value = json.loads(open_sealed(key, aad, sealed))
        return UUID(value) if isinstance(value, str) else int(value)
    except (Problem, ValueError, binascii.Error):
        raise Validation(errors=[FieldError("/cursor", "unknown-cursor", "Not a cursor of this list.")]) from None


def page_of(item: type[serializers.Serializer]) -> type[Shape]:
    """The shape of a page of `item`, for an endpoint's `answers`."""
    name = item.__name__.removesuffix("Shape") + "Page"
    fields = {
        "data": item(many=True),
        "next_cursor": Text(allow_null=True),
        "has_more": Boolean(),
        "__doc__": f"A page of {item.__name__}.",
    }
    return type(name, (Shape,), fields)

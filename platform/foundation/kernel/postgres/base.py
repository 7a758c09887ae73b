"""The database wrapper that Django loads by its ENGINE."""

from __future__ import annotations

import select
from datetime import UTC, datetime
from typing import Any

from django.db.backends.postgresql import base
from psycopg.types.datetime import TimestamptzLoader


class Timestamps(TimestamptzLoader):
    """Read by the standard library, at a twelfth of what the driver's own way takes: a batch of memories reads tens of
    thousands. In UTC, which every connection of ours speaks; whatever looks otherwise is the driver's to read."""

    timezone = UTC  # Django asks for it, and would put a reader of its own in place of another zone's

    def load(self, data: Any) -> datetime:
        text = bytes(data).decode()
        return datetime.fromisoformat(text) if text.endswith("+00") else super().load(data)


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        connection.adapters.register_loader("timestamptz", Timestamps)
        return connection

    def is_usable(self) -> bool:
        """A server that ends a connection says so: only where something came, or went wrong, is it asked, as Django
        would before each request."""
        quiet = not self.errors_occurred and self.connection is not None and not self.connection.closed
        return (quiet and not _has_come(self.connection.pgconn.socket)) or bool(super().is_usable())


def _has_come(socket: int) -> bool:
    """Whether there is anything to read from a socket, its end included."""
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))

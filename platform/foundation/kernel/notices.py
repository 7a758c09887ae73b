"""Waiting for an empty NOTIFY, so that work starts at once without being polled for."""

from __future__ import annotations

from django.db import connections


def listen(alias: str, channel: str) -> None:
    """Subscribe this thread's connection of `alias` to `channel`. To be done anew on a new connection."""
    with connections[alias].cursor() as cursor:
        cursor.execute(f"LISTEN {channel}")


def await_notice(alias: str, seconds: float) -> bool:
    """Wait up to `seconds` for a notice on this thread's connection; whether one came. Those that came with it, or
    since the last call, are answered too."""
    connection = connections[alias]
    connection.ensure_connection()
    return bool(list(connection.connection.notifies(timeout=seconds, stop_after=1)))

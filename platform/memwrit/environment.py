"""Settings are environment variables; each `NAME` may instead be `NAME_FILE`, the path of a file that holds it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    """The value of `name`; `NAME_FILE` wins nothing: giving both is refused, since one of them would be ignored."""
    path = os.environ.get(f"{name}_FILE", "")
    if not path:
        return os.environ.get(name, "") or default
    if os.environ.get(name):
        raise ImproperlyConfigured(f"both {name} and {name}_FILE are set")
    try:
        return Path(path).read_text(encoding="utf-8").strip() or default
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE cannot be read: {error.strerror}") from None


def whole(name: str, default: int) -> int:
    """A whole number."""
    value = text(name, str(default))
    try:
        return int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} is not a whole number") from None


def listing(name: str, default: str = "") -> list[str]:
    """Values separated by commas."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def among(name: str, default: str, allowed: frozenset[str]) -> frozenset[str]:
    """Values separated by commas, each one of `allowed`; `none` is none."""
    given = frozenset(listing(name, default)) - {"none"}
    if unknown := given - allowed:
        raise ImproperlyConfigured(f"{name}: {sorted(unknown)[0]} is none of {', '.join(sorted(allowed))}")
    return given


def database(url: str) -> dict[str, Any]:
    """Django's settings for `postgresql://user:password@host:port/name?option=value`; `?host=/folder` is a socket."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured("database URLs begin with postgresql://")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    host = options.pop("host", "") or unquote(parts.hostname or "")
    port = options.pop("port", "") or str(parts.port or "")
    # Parameters are bound by the server: else other tenants' literals stand in pg_stat_activity.
    options |= {"server_side_binding": True, "connect_timeout": int(options.get("connect_timeout", 5))}
    # Planning the same statements again and again was a third of the server's work on an admission.
    options["prepare_threshold"] = whole("DATABASE_PREPARE_AFTER", 5) or None
    return {
        "ENGINE": "foundation.kernel.postgres",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": port,
        "CONN_MAX_AGE": whole("DATABASE_CONNECTION_AGE", 300),
        "CONN_HEALTH_CHECKS": True,
        "DISABLE_SERVER_SIDE_CURSORS": True,
        "OPTIONS": options,
    }


def databases(variables: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Aliases whose URL is given. One that is not given is absent, so using it is an error and never a fallback."""
    urls = {alias: text(name) for alias, name in variables.items()}
    return {alias: database(url) for alias, url in urls.items() if url}

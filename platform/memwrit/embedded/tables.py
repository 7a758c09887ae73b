"""Whether the tables are up to date, told without loading Django: a restart then need not wait for a migrator."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import psycopg

PACKAGES = ("foundation", "audit", "tenants", "guard", "governance")
OWNERS = ("DATABASE_OWNER_URL", "KEYRING_OWNER_URL")
Migrations = frozenset[tuple[str, str]]


def up_to_date(settings: dict[str, str]) -> bool:
    """Whether both databases have exactly the migrations that lie on the disk."""
    wanted = on_disk()
    return all(applied(settings[name]) == wanted for name in OWNERS)


def none_yet(settings: dict[str, str]) -> bool:
    """Whether no migration was ever made in either database."""
    return not any(applied(settings[name]) for name in OWNERS)


def on_disk() -> Migrations:
    """(app, name) of every migration of ours."""
    found = [path for package in PACKAGES for path in _home(package).rglob("migrations/[0-9]*.py")]
    return frozenset((path.parents[1].name, path.stem) for path in found)


def applied(url: str) -> Migrations:
    """(app, name) of what the database has; nothing where it was never migrated."""
    with psycopg.connect(url) as connection:
        if connection.execute("SELECT to_regclass('public.django_migrations')").fetchone() == (None,):
            return frozenset()
        return frozenset(connection.execute("SELECT app, name FROM django_migrations").fetchall())


def _home(package: str) -> Path:
    found = find_spec(package)
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0])

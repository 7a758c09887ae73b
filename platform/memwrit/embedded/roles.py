"""The roles and databases of one cluster, as `security.md` §1 names them: made by a superuser who then steps back."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

SUPERUSER = "postgres"
MAIN, KEYRING = "memwrit", "memwrit_keyring"
ROLES = ("owner", "app", "sequencer", "relay", "eraser", "backup")
# Which role opens which database under which setting.
URLS = {
    "DATABASE_URL": ("app", MAIN),
    "DATABASE_OWNER_URL": ("owner", MAIN),
    "DATABASE_SEQUENCER_URL": ("sequencer", MAIN),
    "DATABASE_RELAY_URL": ("relay", MAIN),
    "DATABASE_ERASER_URL": ("eraser", MAIN),
    "DATABASE_BACKUP_URL": ("backup", MAIN),
    "KEYRING_DATABASE_URL": ("app", KEYRING),
    "KEYRING_ERASER_URL": ("eraser", KEYRING),
    "KEYRING_OWNER_URL": ("owner", KEYRING),
    "KEYRING_BACKUP_URL": ("backup", KEYRING),
}
CONNECTS = {MAIN: ROLES, KEYRING: ("owner", "app", "eraser", "backup")}


@dataclass(frozen=True, slots=True)
class Passwords:
    """One random password per role, the superuser's among them, kept in a file only its owner reads."""

    by_role: dict[str, str]

    @classmethod
    def kept_in(cls, path: Path) -> Passwords:
        """Read them, or make and keep them: durable before the first role exists."""
        if path.exists():
            return cls(json.loads(path.read_text(encoding="ascii")))
        made = {role: secrets.token_urlsafe(32) for role in (SUPERUSER, *map(_role, ROLES))}
        being_written = path.with_suffix(".new")
        descriptor = os.open(being_written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(made, file)
            file.flush()
            os.fsync(file.fileno())
        being_written.rename(path)
        return cls(made)

    def url(self, role: str, database: str, socket: Path) -> str:
        """A connection URL over the socket in folder `socket`."""
        return f"postgresql://{role}:{self.by_role[role]}@/{database}?host={quote(str(socket), safe='')}"

    def settings(self, socket: Path) -> dict[str, str]:
        """Every database URL of `memwrit.settings`."""
        return {name: self.url(_role(role), database, socket) for name, (role, database) in URLS.items()}


def _role(name: str) -> str:
    return f"memwrit_{name}"


def bootstrap(passwords: Passwords, socket: Path) -> None:
    """Make roles, databases and the extension. Every step may be repeated, so a crash in between heals itself."""
    with psycopg.connect(passwords.url(SUPERUSER, "postgres", socket), autocommit=True) as connection:
        for role in ROLES:
            _make_role(connection, role, passwords.by_role[_role(role)])
        for database in CONNECTS:
            _make_database(connection, database)
    for database in CONNECTS:
        with psycopg.connect(passwords.url(SUPERUSER, database, socket), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
            connection.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(sql.Identifier(_role("owner"))))


def _make_role(connection: psycopg.Connection[object], role: str, password: str) -> None:
    """The server is given the password's verifier, never the password: statements can end in logs and statistics."""
    name = _role(role)
    if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone():
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
    verifier = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    attributes = sql.SQL("NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION LOGIN ")
    rows = sql.SQL("BYPASSRLS " if role == "backup" else "NOBYPASSRLS ")
    connection.execute(
        sql.SQL("ALTER ROLE {} {}{}PASSWORD {}").format(sql.Identifier(name), attributes, rows, sql.Literal(verifier))
    )
    if role == "backup":
        connection.execute(sql.SQL("GRANT pg_read_all_data TO {}").format(sql.Identifier(name)))
    if role != "owner":
        # Nobody but the owner may hold a transaction open for ever: it would stop vacuum and the sequencer.
        connection.execute(
            sql.SQL("ALTER ROLE {} SET idle_in_transaction_session_timeout = '120s'").format(sql.Identifier(name))
        )


def _make_database(connection: psycopg.Connection[object], database: str) -> None:
    """A database of the owner's, which only its own roles may open and where nobody makes temporary tables."""
    name, owner = sql.Identifier(database), sql.Identifier(_role("owner"))
    if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, owner))
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
    for role in CONNECTS[database]:
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(name, sql.Identifier(_role(role))))

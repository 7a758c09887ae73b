"""Dumps of the two databases by PostgreSQL's own programs: `pg_dump` as the role that may read every row, `pg_restore`
as the tables' owner. Passwords go by the environment, never by the command line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg
from psycopg import conninfo, sql

from memwrit.embedded import binaries

_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}


class DumpFailed(Exception):
    """PostgreSQL's program ended with an error; the message is its last line."""


def dump(url: str, into: Path) -> None:
    """Everything of the database but what is UNLOGGED (the search index: it is rebuilt, and in no backup)."""
    _run("pg_dump", url, ["--format=custom", "--no-unlogged-table-data", "--no-comments", f"--file={into}"])


def restore(url: str, dumped: Path) -> None:
    """Bring a dump back into a database without tables, all of it or nothing."""
    options = ["--no-owner", "--no-comments", "--exit-on-error", "--single-transaction"]
    _run("pg_restore", url, [*options, f"--dbname={conninfo.conninfo_to_dict(url)['dbname']}", str(dumped)])


def empty(url: str) -> bool:
    """Whether the database has no table of ours."""
    with psycopg.connect(url) as connection:
        return not _owned(connection)


def clear(url: str) -> None:
    """Drop what the owner made in the database: its tables, then its routines."""
    with psycopg.connect(url) as connection:
        for table in _owned(connection):
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {} CASCADE").format(sql.Identifier(table)))
        for (routine,) in connection.execute(_ROUTINES).fetchall():
            connection.execute(sql.SQL("DROP ROUTINE IF EXISTS {} CASCADE").format(sql.SQL(routine)))


_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tableowner = current_user"
_ROUTINES = """SELECT oid::regprocedure::text FROM pg_proc
WHERE proowner = current_user::regrole AND pronamespace = 'public'::regnamespace"""


def _owned(connection: psycopg.Connection[tuple[str]]) -> list[str]:
    return [table for (table,) in connection.execute(_TABLES).fetchall()]


def _run(program: str, url: str, options: Sequence[str]) -> None:
    given = conninfo.conninfo_to_dict(url)
    told = {_VARIABLES[name]: str(value) for name, value in given.items() if name in _VARIABLES}
    surroundings = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"} | told
    done = subprocess.run(
        [binaries.client(program), *options], env=surroundings, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DumpFailed(f"{program}: {last}")

"""What PostgreSQL itself says of roles, tables, keys and routines: read by `check --deploy` and by the tests.

Everything concerns the schema `public` of one alias's database, without what belongs to extensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections


@dataclass(frozen=True, slots=True)
class Role:
    """A role, with the rights it has itself or through any role it is a member of."""

    name: str
    superuser: bool
    bypasses_rls: bool
    creates_roles: bool
    creates_databases: bool
    replicates: bool

    @property
    def unsafe(self) -> list[str]:
        """Which of its rights no role of the product may have."""
        rights = ("superuser", "bypasses_rls", "creates_roles", "creates_databases", "replicates")
        return [right for right in rights if getattr(self, right)]


@dataclass(frozen=True, slots=True)
class Table:
    """A table and how its rows are guarded."""

    name: str
    owner: str
    has_tenant: bool
    rls: bool
    forced: bool
    unlogged: bool
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Key:
    """A primary or unique key, by constraint or index."""

    table: str
    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """A column that can hold text."""

    table: str
    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A row-level security policy."""

    table: str
    name: str
    roles: tuple[str, ...]
    using: str
    check: str


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or view that may run with its owner's rights instead of the caller's."""

    name: str
    owner: str
    owner_is_superuser: bool
    as_owner: bool


def current_role(alias: str) -> Role:
    """The role that `alias` connects as."""
    return Role(*_rows(alias, _ROLES + "WHERE r.rolname = current_user")[0])


def roles(alias: str) -> list[Role]:
    """The product's roles."""
    return [Role(*row) for row in _rows(alias, _ROLES + r"WHERE r.rolname LIKE 'memwrit\_%' ORDER BY 1")]


def tables(alias: str) -> list[Table]:
    found = _rows(alias, _TABLES)
    return [
        Table(name, owner, has_tenant, rls, forced, unlogged, tuple(names))
        for name, owner, has_tenant, rls, forced, unlogged, names in found
    ]


def keys(alias: str) -> list[Key]:
    return [Key(table, name, tuple(columns)) for table, name, columns in _rows(alias, _KEYS)]


def text_columns(alias: str) -> list[Column]:
    return [Column(*row) for row in _rows(alias, _COLUMNS)]


def policies(alias: str) -> list[Policy]:
    return [Policy(t, n, tuple(r), using, check) for t, n, r, using, check in _rows(alias, _POLICIES)]


def routines(alias: str) -> list[Routine]:
    """Functions and views together."""
    return [Routine(*row) for row in _rows(alias, _ROUTINES)]


def settings(alias: str, names: Sequence[str]) -> dict[str, str]:
    """The server's settings as this role may read them; one it may not read is absent."""
    return dict(_rows(alias, "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(names)]))


def _rows(alias: str, query: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


_ROLES = """
SELECT * FROM (
  SELECT r.rolname,
         bool_or(m.rolsuper), bool_or(m.rolbypassrls), bool_or(m.rolcreaterole), bool_or(m.rolcreatedb),
         bool_or(m.rolreplication)
    FROM pg_roles r
    JOIN LATERAL (SELECT * FROM pg_roles o
                   WHERE o.oid = r.oid OR (NOT r.rolsuper AND pg_has_role(r.oid, o.oid, 'MEMBER'))) m ON true
   GROUP BY r.rolname) AS r
"""

# What belongs to no extension, in our schema: `{0}` is the catalogue's name, `{1}` the row's alias.
_NOT_AN_EXTENSIONS = """ NOT EXISTS (
  SELECT FROM pg_depend d WHERE d.classid = '{0}'::regclass AND d.objid = {1}.oid AND d.deptype = 'e') """
_OURS = "c.relnamespace = 'public'::regnamespace AND" + _NOT_AN_EXTENSIONS.format("pg_class", "c")

_TABLES = f"""
SELECT c.relname, pg_get_userbyid(c.relowner),
       EXISTS (SELECT FROM pg_attribute a
                WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped),
       c.relrowsecurity, c.relforcerowsecurity, c.relpersistence = 'u',
       ARRAY(SELECT polname::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY 1)
  FROM pg_class c WHERE c.relkind IN ('r', 'p') AND {_OURS} ORDER BY 1
"""  # noqa: S608 - constants

_KEYS = f"""
SELECT c.relname, x.relname,
       ARRAY(SELECT COALESCE(a.attname::text, '?') FROM unnest(i.indkey::int[]) WITH ORDINALITY k(n, at)
             LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.n AND k.n > 0 ORDER BY k.at)
  FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
 WHERE i.indisunique AND c.relkind IN ('r', 'p') AND {_OURS} ORDER BY 1, 2
"""  # noqa: S608 - constants

_COLUMNS = f"""
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
 WHERE c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped AND {_OURS}
   AND (COALESCE(e.typcategory, t.typcategory) = 'S'
        OR COALESCE(e.typname, t.typname) IN ('json', 'jsonb', 'xml', 'hstore'))
 ORDER BY 1, 2
"""  # noqa: S608 - constants

_POLICIES = """
SELECT tablename, policyname, roles::text[], COALESCE(qual, ''), COALESCE(with_check, '')
  FROM pg_policies WHERE schemaname = 'public' ORDER BY 1, 2
"""

_ROUTINES = f"""
SELECT p.proname, r.rolname, r.rolsuper, p.prosecdef
  FROM pg_proc p JOIN pg_roles r ON r.oid = p.proowner
 WHERE p.pronamespace = 'public'::regnamespace AND {_NOT_AN_EXTENSIONS.format("pg_proc", "p")}
UNION ALL
SELECT c.relname, r.rolname, r.rolsuper,
       NOT COALESCE((SELECT option_value::bool FROM pg_options_to_table(c.reloptions)
                      WHERE option_name = 'security_invoker'), false)
  FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE c.relkind IN ('v', 'm') AND {_OURS}
ORDER BY 1
"""  # noqa: S608 - constants

"""PostgreSQL's own catalogue against what `security.md` promises of every table, key, policy, role and column."""

import pytest
from django.apps import apps
from django.db import connections

from foundation.kernel import catalogue
from memwrit.deployment import WITHOUT_TENANT
from tests.house.clear_columns import CLEAR

DATABASES = ("owner", "keyring_owner")
TENANT_ROLES = {"memwrit_app", "memwrit_eraser", "memwrit_owner"}
# Keys that do not begin with tenant_id, each reviewed: they hold nothing that a tenant could guess at.
KEYS_WITHOUT_TENANT = {"django_migrations_pkey", "kernel_registry_pkey"}
# Policies that let a role see every tenant's rows, and why.
SEES_ALL = {"memwrit_sequencer": "one writer of every tenant's log", "memwrit_relay": "leases work by id and due time"}


def everywhere(read):
    return [each for alias in DATABASES for each in read(alias)]


def foreign_keys(connection):
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT conrelid::regclass::text, conname,
                      ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY k(n, at)
                            JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = k.n ORDER BY k.at)
                 FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace"""
        )
        return cursor.fetchall()


def test_every_models_table_is_there():
    tables = {table.name for table in everywhere(catalogue.tables)}
    models = {model._meta.db_table for model in apps.get_models(include_auto_created=True) if model._meta.managed}
    assert models - tables == set()


def test_every_table_of_a_tenant_has_forced_row_level_security_and_a_policy():
    unguarded = [
        table.name
        for table in everywhere(catalogue.tables)
        if table.name not in WITHOUT_TENANT and not (table.has_tenant and table.rls and table.forced and table.policies)
    ]
    assert unguarded == []


def test_tables_without_a_tenant_are_reviewed():
    without = {table.name for table in everywhere(catalogue.tables) if not table.has_tenant}
    assert without <= set(WITHOUT_TENANT)


def test_every_table_belongs_to_the_owner():
    assert {table.owner for table in everywhere(catalogue.tables)} == {"memwrit_owner"}


def test_policies_for_the_application_ask_for_the_tenant_and_raise_without_one():
    for policy in everywhere(catalogue.policies):
        if set(policy.roles) & (TENANT_ROLES | {"public"}):
            for expression in filter(None, (policy.using, policy.check)):
                assert "current_setting('app.tenant_id'::text)" in expression, policy
                assert " OR " not in expression, policy
            assert policy.using or policy.check


def test_only_reviewed_roles_see_every_tenants_rows():
    for policy in everywhere(catalogue.policies):
        if "true" in (policy.using, policy.check):
            assert set(policy.roles) <= set(SEES_ALL), policy


def test_the_relay_sees_no_table_but_the_outbox_of_work(superuser):
    seen = superuser.execute(
        """SELECT DISTINCT table_name FROM information_schema.column_privileges WHERE grantee = 'memwrit_relay'"""
    ).fetchall()
    assert {name for (name,) in seen} == {"kernel_workitem", "kernel_registry"}


def test_every_key_begins_with_the_tenant():
    """A global unique key tells one tenant that another has the value."""
    loose = [
        f"{key.table}: {key.name} {key.columns}"
        for key in everywhere(catalogue.keys)
        if key.columns[0] != "tenant_id" and key.name not in KEYS_WITHOUT_TENANT
    ]
    assert loose == []


def test_every_foreign_key_carries_the_tenant():
    """Row-level security does not stop a foreign key from pointing across tenants."""
    loose = [
        (table, name)
        for alias in DATABASES
        for table, name, columns in foreign_keys(connections[alias])
        if columns[0] != "tenant_id"
    ]
    assert loose == []


def test_no_role_but_backup_passes_row_level_security():
    unsafe = {role.name: role.unsafe for role in catalogue.roles("owner") if role.unsafe}
    assert unsafe == {"memwrit_backup": ["bypasses_rls"]}
    assert len(catalogue.roles("owner")) == 6


def test_no_function_or_view_lends_its_owners_rights():
    lending = [r.name for r in everywhere(catalogue.routines) if r.owner_is_superuser or r.as_owner]
    assert lending == []


@pytest.mark.parametrize("role", ["memwrit_app", "memwrit_sequencer", "memwrit_relay", "memwrit_eraser"])
def test_no_serving_role_may_truncate_or_hang_triggers(role, superuser, keyring_superuser):
    asked = """SELECT table_name, privilege_type FROM information_schema.role_table_grants
                WHERE grantee IN (%s, 'PUBLIC') AND table_schema = 'public'
                  AND privilege_type IN ('TRUNCATE', 'TRIGGER', 'REFERENCES', 'MAINTAIN')"""
    for database in (superuser, keyring_superuser):
        assert database.execute(asked, [role]).fetchall() == []


@pytest.mark.parametrize("role", ["memwrit_app", "memwrit_sequencer", "memwrit_relay", "memwrit_eraser"])
def test_no_serving_role_may_create_anything(role, superuser, keyring_superuser):
    """Neither tables nor temporary tables, whose files would be text at rest."""
    for database in (superuser, keyring_superuser):
        name = database.info.dbname
        asked = "SELECT has_schema_privilege(%s, 'public', 'CREATE'), has_database_privilege(%s, %s, 'CREATE, TEMP')"
        assert database.execute(asked, [role, role, name]).fetchone() == (False, False)


def test_every_column_that_can_hold_text_is_reviewed():
    found = {f"{column.table}.{column.name}" for column in everywhere(catalogue.text_columns)}
    assert found - set(CLEAR) == set()


def test_the_clear_list_names_no_column_that_is_gone():
    found = {f"{column.table}.{column.name}" for column in everywhere(catalogue.text_columns)}
    assert set(CLEAR) - found == set()


def test_the_index_of_pseudonyms_is_in_no_wal():
    """An UNLOGGED table: erased rows are in no write-ahead log (measured: 97 of 100 are, otherwise)."""
    unlogged = {table.name for table in everywhere(catalogue.tables) if table.unlogged}
    index = {table.name for table in everywhere(catalogue.tables) if table.name.startswith("search_")}
    assert unlogged
    assert unlogged <= index


def test_the_catalogue_sees_what_is_wrong(superuser):
    """The positive control: a table, key, view and function that break every rule are found by the same questions."""
    superuser.execute(
        """CREATE TABLE wrong (id int PRIMARY KEY, note text, list jsonb[]);
           CREATE VIEW wrong_view AS SELECT * FROM wrong;
           CREATE FUNCTION wrong_function() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"""
    )
    try:
        table = next(table for table in catalogue.tables("owner") if table.name == "wrong")
        assert (table.has_tenant, table.rls, table.forced, table.policies) == (False, False, False, ())
        assert ("wrong_pkey", ("id",)) in {(key.name, key.columns) for key in catalogue.keys("owner")}
        columns = {(c.table, c.name) for c in catalogue.text_columns("owner")}
        assert {("wrong", "note"), ("wrong", "list")} <= columns
        found = {r.name for r in catalogue.routines("owner") if r.owner_is_superuser and r.as_owner}
        assert found == {"wrong_view", "wrong_function"}
    finally:
        superuser.execute("DROP VIEW wrong_view; DROP TABLE wrong; DROP FUNCTION wrong_function")

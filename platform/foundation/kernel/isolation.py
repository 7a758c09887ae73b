"""Migration operations that make PostgreSQL keep tenants apart.

Every tenant table gets: the key (tenant_id, id); row-level security, enabled and forced, whose policy *raises* when no
tenant was set; grants to named roles and no others; foreign keys that carry the tenant (row-level security does not
stop a foreign key from pointing across tenants).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models
from django.db.migrations.operations.base import Operation

APP, ERASER, OWNER = "memwrit_app", "memwrit_eraser", "memwrit_owner"
_TENANT = "(SELECT current_setting('app.tenant_id')::uuid)"
_EVERYTHING = "SELECT, INSERT, UPDATE, DELETE"
_REFUSE = """CREATE OR REPLACE FUNCTION kernel_refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'this table is append-only' USING ERRCODE = 'insufficient_privilege'; END $$"""


class _TableOperation(Operation):
    """SQL on the table of one model, after Django has made it."""

    reversible = True
    reduces_to_sql = True

    def __init__(self, model: str) -> None:
        self.model = model

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The model's state does not change."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        schema_editor.execute("SET LOCAL lock_timeout = '10s'")
        for statement in self.statements(to_state.apps, app_label, model):
            schema_editor.execute(statement)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Nothing: the table itself goes when its creation is reversed."""

    def statements(self, apps: Any, app_label: str, model: type[models.Model]) -> Sequence[str]:
        raise NotImplementedError


class IsolateByTenant(_TableOperation):
    """Give a tenant table its key, its row-level security, its grants and its foreign keys.

    `references` maps a column to the model it points at ("app.Model"); `unique` lists further unique column tuples,
    each beginning with tenant_id; `roles` names who the policy and the grants are for, with their privileges.
    """

    def __init__(
        self,
        model: str,
        *,
        references: Mapping[str, str] | None = None,
        unique: Sequence[Sequence[str]] = (),
        roles: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(model)
        self.references = dict(references or {})
        self.unique = [tuple(columns) for columns in unique]
        self.roles = dict(roles or {APP: _EVERYTHING, ERASER: _EVERYTHING})
        if any(columns[0] != "tenant_id" for columns in self.unique):
            raise ValueError("a unique key that does not begin with tenant_id tells one tenant of another's rows")

    def describe(self) -> str:
        return f"Isolate {self.model} by tenant"

    def statements(self, apps: Any, app_label: str, model: type[models.Model]) -> Sequence[str]:
        table = model._meta.db_table
        return [
            *self._keys(table),
            f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
            f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
            f'CREATE POLICY tenant ON "{table}" TO {", ".join({**self.roles, OWNER: ""})} '
            f"USING (tenant_id = {_TENANT}) WITH CHECK (tenant_id = {_TENANT})",
            f'REVOKE ALL ON "{table}" FROM PUBLIC',
            *(f'GRANT {privileges} ON "{table}" TO {role}' for role, privileges in self.roles.items()),
            *self._foreign_keys(table, {column: apps.get_model(to) for column, to in self.references.items()}),
        ]

    def _keys(self, table: str) -> list[str]:
        return [
            f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_pkey"',
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_pkey" PRIMARY KEY (tenant_id, id)',
            *(self._unique(table, columns) for columns in self.unique),
        ]

    def _unique(self, table: str, columns: tuple[str, ...]) -> str:
        name = "_".join((table, *columns[1:], "uniq"))
        return f'ALTER TABLE "{table}" ADD CONSTRAINT "{name}" UNIQUE ({", ".join(columns)})'

    def _foreign_keys(self, table: str, targets: Mapping[str, type[models.Model]]) -> list[str]:
        # PostgreSQL checks a new foreign key as the owner, whom a forced policy would keep from seeing the rows.
        tables = sorted({table, *(target._meta.db_table for target in targets.values())}) if targets else []
        return [
            *(f'ALTER TABLE "{each}" NO FORCE ROW LEVEL SECURITY' for each in tables),
            *(self._foreign_key(table, column, target._meta.db_table) for column, target in targets.items()),
            *(f'ALTER TABLE "{each}" FORCE ROW LEVEL SECURITY' for each in tables),
        ]

    def _foreign_key(self, table: str, column: str, target: str) -> str:
        return (
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{column}_fk" FOREIGN KEY (tenant_id, {column}) '
            f'REFERENCES "{target}" (tenant_id, id)'
        )


class ForbidChanges(_TableOperation):
    """Make a table's rows immutable: nobody updates; only the eraser deletes."""

    def describe(self) -> str:
        return f"Forbid changes to {self.model}"

    def statements(self, apps: Any, app_label: str, model: type[models.Model]) -> Sequence[str]:
        table = model._meta.db_table
        return [
            _REFUSE,
            f'REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM {APP}',
            f'REVOKE UPDATE, TRUNCATE ON "{table}" FROM {ERASER}',
            f'CREATE TRIGGER immutable BEFORE UPDATE ON "{table}" FOR EACH ROW EXECUTE FUNCTION kernel_refuse_change()',
        ]


class GrantSequencer(_TableOperation):
    """Let the sequencer work on a table of every tenant: a policy and a grant of its own."""

    role = "memwrit_sequencer"

    def __init__(self, model: str, privileges: str = _EVERYTHING) -> None:
        super().__init__(model)
        self.privileges = privileges

    def describe(self) -> str:
        return f"Grant {self.model} to {self.role}"

    def statements(self, apps: Any, app_label: str, model: type[models.Model]) -> Sequence[str]:
        table = model._meta.db_table
        return [
            f'CREATE POLICY {self.role} ON "{table}" TO {self.role} USING (true) WITH CHECK (true)',
            f'GRANT {self.privileges} ON "{table}" TO {self.role}',
        ]

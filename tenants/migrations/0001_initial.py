"""Tenants, principals, credentials, people, quotas."""

import django.contrib.postgres.fields
from django.db import migrations, models

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from foundation.kernel.isolation import APP, IsolateByTenant

ROLES = [(role, role) for role in ("admin", "compliance", "agent", "auditor", "reader")]
KINDS = [(kind, kind) for kind in ("person", "agent", "service", "system")]
RESOURCES = [(name, name) for name in ("memories", "spaces", "api_keys", "writes_per_day", "searches_per_day")]
ROLE_MAY = {APP: "SELECT, INSERT, UPDATE"}


def owned(*fields):
    return [
        ("id", models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
        ("tenant_id", models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
        *fields,
    ]


def uuids():
    return django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)


def moment():
    return models.DateTimeField(default=foundation.kernel.clock.now)


def refer(table, column, target):
    """A foreign key that carries the tenant. Checking it reads both tables as their owner, whom row-level security
    would stop: it is lifted for the statement, inside the migration's transaction."""
    tables = {f"tenants_{table}", f"tenants_{target}"}
    return migrations.RunSQL(
        [
            "SET LOCAL lock_timeout = '10s'",
            *(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY" for name in tables),
            f"ALTER TABLE tenants_{table} ADD CONSTRAINT tenants_{table}_{column}_fk "
            f"FOREIGN KEY (tenant_id, {column}) REFERENCES tenants_{target} (tenant_id, id)",
            *(f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY" for name in tables),
        ],
        migrations.RunSQL.noop,
    )


class Migration(migrations.Migration):
    initial = True
    dependencies = [("kernel", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="Tenant",
            options={"base_manager_name": "objects"},
            fields=owned(("name", models.CharField(max_length=64)), ("created_at", moment())),
        ),
        migrations.CreateModel(
            name="PrincipalRecord",
            options={"base_manager_name": "objects"},
            fields=owned(
                ("kind", models.CharField(choices=KINDS, max_length=16)),
                ("name", models.CharField(max_length=64)),
                ("created_at", moment()),
                ("created_by", models.UUIDField()),
                ("disabled_at", models.DateTimeField(null=True)),
            ),
        ),
        migrations.CreateModel(
            name="ApiKey",
            options={"base_manager_name": "objects"},
            fields=owned(
                ("key_id", models.CharField(max_length=16)),
                ("digest", models.BinaryField(max_length=32)),
                ("principal_id", models.UUIDField()),
                ("name", models.CharField(max_length=64)),
                ("role", models.CharField(choices=ROLES, max_length=16)),
                ("spaces", uuids()),
                ("rev", models.PositiveIntegerField(default=0)),
                ("created_at", moment()),
                ("created_by", models.UUIDField()),
                ("expires_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("rotated_from", models.UUIDField(null=True)),
            ),
        ),
        migrations.CreateModel(
            name="Person",
            options={"base_manager_name": "objects"},
            fields=owned(
                ("principal_id", models.UUIDField()),
                ("role", models.CharField(choices=ROLES, max_length=16)),
                ("spaces", uuids()),
                ("sealed_email", models.BinaryField()),
                ("email_lookup", models.BinaryField(max_length=32)),
                ("password", models.BinaryField(null=True)),
                ("created_at", moment()),
            ),
        ),
        migrations.CreateModel(
            name="Quota",
            options={"base_manager_name": "objects"},
            fields=owned(
                ("resource", models.CharField(choices=RESOURCES, max_length=32)),
                ("ceiling", models.PositiveBigIntegerField(null=True)),
                ("version", models.PositiveIntegerField(default=1)),
                ("changed_at", moment()),
            ),
        ),
        migrations.CreateModel(
            name="Usage",
            options={"base_manager_name": "objects"},
            fields=owned(
                ("resource", models.CharField(choices=RESOURCES, max_length=32)),
                ("period", models.CharField(default="", max_length=10)),
                ("stripe", models.PositiveSmallIntegerField()),
                ("used", models.BigIntegerField(default=0)),
            ),
        ),
        IsolateByTenant("Tenant", roles=ROLE_MAY),
        IsolateByTenant("PrincipalRecord", roles=ROLE_MAY),
        IsolateByTenant(
            "ApiKey",
            unique=[("tenant_id", "key_id")],
            roles=ROLE_MAY,
        ),
        IsolateByTenant(
            "Person",
            unique=[("tenant_id", "email_lookup"), ("tenant_id", "principal_id")],
            roles=ROLE_MAY,
        ),
        refer("apikey", "principal_id", "principalrecord"),
        refer("apikey", "rotated_from", "apikey"),
        refer("person", "principal_id", "principalrecord"),
        IsolateByTenant("Quota", unique=[("tenant_id", "resource")]),
        IsolateByTenant("Usage", unique=[("tenant_id", "resource", "period", "stripe")]),
    ]

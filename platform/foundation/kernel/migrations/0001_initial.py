"""The registry of tenants and the outbox of work."""

import django.db.models
from django.db import migrations, models

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from foundation.kernel.isolation import IsolateByTenant

REGISTRY = """
REVOKE ALL ON kernel_registry FROM PUBLIC;
GRANT SELECT ON kernel_registry TO memwrit_app, memwrit_sequencer, memwrit_relay, memwrit_eraser;
GRANT INSERT, UPDATE (state) ON kernel_registry TO memwrit_app;
"""

RELAY = """
CREATE POLICY relay_sees ON kernel_workitem FOR SELECT TO memwrit_relay USING (true);
CREATE POLICY relay_leases ON kernel_workitem FOR UPDATE TO memwrit_relay USING (true) WITH CHECK (true);
GRANT SELECT (id, tenant_id, kind, queue, due, state), UPDATE (due) ON kernel_workitem TO memwrit_relay;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="Registry",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("state", models.CharField(choices=[("active", "Active"), ("closed", "Closed")], default="active", max_length=16)),
            ],
        ),
        migrations.CreateModel(
            name="WorkItem",
            fields=[
                ("id", models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("tenant_id", models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ("kind", models.CharField(max_length=64)),
                ("queue", models.CharField(default="index", max_length=16)),
                ("ref", models.JSONField()),
                ("due", models.DateTimeField(default=foundation.kernel.clock.now)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("state", models.CharField(choices=[("due", "Due"), ("dead", "Dead")], default="due", max_length=16)),
                ("failure", models.CharField(default="", max_length=64)),
                ("created_at", models.DateTimeField(default=foundation.kernel.clock.now)),
            ],
            options={
                "indexes": [models.Index(condition=django.db.models.Q(("state", "due")), fields=["due"], name="work_due")],
            },
        ),
        migrations.RunSQL(REGISTRY, migrations.RunSQL.noop),
        IsolateByTenant("WorkItem"),
        migrations.RunSQL(RELAY, migrations.RunSQL.noop),
    ]

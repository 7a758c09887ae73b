"""Queues that are leased each for itself, tenant by tenant, and items that say who runs them."""

import django.db.models
from django.db import migrations, models

RELAY = """
GRANT UPDATE (runner) ON kernel_workitem TO memwrit_relay;
"""
# Rows come and go, and are leased from the front: what is dead there must not be stepped over again and again.
UPKEEP = """
ALTER TABLE kernel_workitem SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
"""


class Migration(migrations.Migration):
    dependencies = [("kernel", "0001_initial")]
    operations = [
        migrations.AddField("workitem", "runner", models.UUIDField(null=True)),
        migrations.RemoveIndex("workitem", "work_due"),
        migrations.AddIndex(
            "workitem",
            models.Index(condition=django.db.models.Q(("state", "due")), fields=["queue", "due"], name="work_due"),
        ),
        migrations.AddIndex(
            "workitem",
            models.Index(
                condition=django.db.models.Q(("state", "due")), fields=["queue", "tenant_id", "due"], name="work_turn"
            ),
        ),
        migrations.RunSQL(RELAY, migrations.RunSQL.noop),
        migrations.RunSQL(UPKEEP, migrations.RunSQL.noop),
    ]

"""Queues that are leased each for itself, tenant by tenant, and items that say who runs them."""

import django.db.models
from django.db import migrations, models

RELAY = """
GRANT UPDATE (runner) ON kernel_workitem TO memwrit_relay;
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
    ]

"""What witnesses made of the directory log."""

from django.db import migrations, models

import foundation.kernel.ids
import foundation.kernel.scope
from foundation.kernel.isolation import APP, IsolateByTenant

STATES = ("unasked", "cosigned", "unreached", "declined", "unproven", "forked", "behind")


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="Witnessed",
            options={"abstract": False, "base_manager_name": "objects"},
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ("state", models.CharField(choices=[(each, each.title()) for each in STATES], max_length=16)),
                ("size", models.BigIntegerField(default=0)),
                ("note", models.TextField(default="")),
                ("cosigned_at", models.DateTimeField(null=True)),
                ("asked_at", models.DateTimeField()),
            ],
        ),
        IsolateByTenant("Witnessed", roles={APP: "SELECT, INSERT, UPDATE, DELETE"}),
    ]

"""Changes of a person's rights are counted, and attempts to sign in: for all processes."""

from django.db import migrations, models

import foundation.kernel.ids
import foundation.kernel.scope
from foundation.kernel.isolation import APP, IsolateByTenant


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_sessions")]
    operations = [
        migrations.AddField("person", "rev", models.PositiveIntegerField(default=0)),
        migrations.CreateModel(
            name="Attempt",
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [models.Index(fields=["tenant_id", "full_at"], name="attempts_forgotten")],
            },
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ("full_at", models.DateTimeField()),
            ],
        ),
        IsolateByTenant("Attempt", roles={APP: "SELECT, INSERT, UPDATE, DELETE"}),
    ]

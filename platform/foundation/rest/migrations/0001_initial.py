"""The idempotency keys."""

import django.contrib.postgres.fields
from django.db import migrations, models

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from foundation.kernel.isolation import IsolateByTenant


class Migration(migrations.Migration):
    initial = True
    dependencies = [("kernel", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="IdempotencyKey",
            fields=[
                ("id", models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("tenant_id", models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ("scope", models.BinaryField(max_length=32)),
                ("body", models.BinaryField(max_length=32)),
                ("day", models.DateField()),
                ("token", models.UUIDField()),
                ("lease_until", models.DateTimeField()),
                ("created_at", models.DateTimeField(default=foundation.kernel.clock.now)),
                ("status", models.PositiveSmallIntegerField(null=True)),
                ("resource_ids", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ("statuses", django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), default=list, size=None)),
            ],
            options={
                "indexes": [models.Index(fields=["tenant_id", "day"], name="idempotency_day")],
            },
        ),
        IsolateByTenant("IdempotencyKey", unique=[("tenant_id", "scope")]),
    ]

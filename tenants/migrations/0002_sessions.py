"""People's sessions in the console, and the identity provider they may sign in with."""

from django.db import migrations, models

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from foundation.kernel.isolation import APP, IsolateByTenant


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="IdentityProvider",
            options={"base_manager_name": "objects"},
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ("sealed", models.BinaryField()),
                ("version", models.PositiveIntegerField(default=1)),
                ("changed_at", models.DateTimeField(default=foundation.kernel.clock.now)),
            ],
        ),
        IsolateByTenant("IdentityProvider", roles={APP: "SELECT, INSERT, UPDATE, DELETE"}),
        migrations.CreateModel(
            name="Session",
            options={"base_manager_name": "objects"},
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ("person_id", models.UUIDField()),
                ("digest", models.BinaryField(max_length=32)),
                ("via", models.CharField(choices=[("password", "Password"), ("oidc", "Oidc")], max_length=16)),
                ("created_at", models.DateTimeField(default=foundation.kernel.clock.now)),
                ("used_at", models.DateTimeField(default=foundation.kernel.clock.now)),
                ("fresh_until", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("revoked_at", models.DateTimeField(null=True)),
            ],
        ),
        IsolateByTenant(
            "Session",
            references={"person_id": "tenants.Person"},
            roles={APP: "SELECT, INSERT, UPDATE, DELETE"},
        ),
    ]

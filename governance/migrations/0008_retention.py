"""Retention policies and their versions; which of them a space names, since when; records in order of their age."""

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from django.db import migrations, models

from foundation.kernel.isolation import APP, ERASER, ForbidChanges, IsolateByTenant


def owned(*fields):
    return [
        ("id", models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
        ("tenant_id", models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
        *fields,
    ]


class Migration(migrations.Migration):
    dependencies = [("governance", "0007_strength")]
    operations = [
        migrations.CreateModel(
            name="RetentionPolicyRecord",
            options={"abstract": False, "base_manager_name": "objects"},
            fields=owned(
                ("name", models.CharField(max_length=64)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField(default=foundation.kernel.clock.now)),
            ),
        ),
        migrations.CreateModel(
            name="RetentionPolicyVersion",
            options={"abstract": False, "base_manager_name": "objects"},
            fields=owned(
                ("policy_id", models.UUIDField()),
                ("number", models.PositiveIntegerField()),
                ("rules", models.JSONField(default=list)),
                ("principal_id", models.UUIDField()),
                ("created_at", models.DateTimeField(default=foundation.kernel.clock.now)),
            ),
        ),
        migrations.AddField("space", "retention_since", models.DateTimeField(null=True)),
        migrations.AlterField(
            "erasureitem",
            "step",
            models.CharField(
                choices=[
                    ("planned", "Planned"),
                    ("frozen", "Frozen"),
                    ("purged", "Purged"),
                    ("held", "Held"),
                    ("retained", "Retained"),
                ],
                default="planned",
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            "memcube",
            models.Index(
                condition=models.Q(("state", "forgotten"), _negated=True),
                fields=["tenant_id", "space_id", "created_at"],
                name="memcube_age",
            ),
        ),
        IsolateByTenant(
            "RetentionPolicyRecord",
            unique=[("tenant_id", "name")],
            roles={APP: "SELECT, INSERT, UPDATE", ERASER: "SELECT"},
        ),
        IsolateByTenant(
            "RetentionPolicyVersion",
            references={"policy_id": "governance.RetentionPolicyRecord"},
            unique=[("tenant_id", "policy_id", "number")],
            roles={APP: "SELECT, INSERT", ERASER: "SELECT"},
        ),
        ForbidChanges("RetentionPolicyVersion"),
        migrations.RunSQL(
            "ALTER TABLE governance_space NO FORCE ROW LEVEL SECURITY;"
            "ALTER TABLE governance_retentionpolicyrecord NO FORCE ROW LEVEL SECURITY;"
            "ALTER TABLE governance_space ADD CONSTRAINT governance_space_retention_policy_id_fk"
            " FOREIGN KEY (tenant_id, retention_policy_id) REFERENCES governance_retentionpolicyrecord (tenant_id, id);"
            "ALTER TABLE governance_space FORCE ROW LEVEL SECURITY;"
            "ALTER TABLE governance_retentionpolicyrecord FORCE ROW LEVEL SECURITY",
            "ALTER TABLE governance_space DROP CONSTRAINT governance_space_retention_policy_id_fk",
        ),
    ]

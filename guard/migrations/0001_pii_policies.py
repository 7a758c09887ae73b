"""PII policies and their versions."""

from django.db import migrations, models

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from foundation.kernel.isolation import APP, ERASER, ForbidChanges, IsolateByTenant

MODES = [(mode, mode) for mode in ("strict", "balanced")]
ACTIONS = [(action, action) for action in ("redact", "mask", "pseudonymise", "hash", "keep", "reject")]


def owned(*fields):
    return [
        ("id", models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
        ("tenant_id", models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
        *fields,
    ]


class Migration(migrations.Migration):
    initial = True
    dependencies = [("kernel", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="PiiPolicyRecord",
            options={"abstract": False, "base_manager_name": "objects"},
            fields=owned(
                ("name", models.CharField(max_length=64)),
                ("version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField(default=foundation.kernel.clock.now)),
            ),
        ),
        migrations.CreateModel(
            name="PiiPolicyVersion",
            options={"abstract": False, "base_manager_name": "objects"},
            fields=owned(
                ("policy_id", models.UUIDField()),
                ("number", models.PositiveIntegerField()),
                ("mode", models.CharField(choices=MODES, max_length=8)),
                ("default_action", models.CharField(choices=ACTIONS, max_length=12)),
                ("rules", models.JSONField(default=list)),
                ("principal_id", models.UUIDField()),
                ("created_at", models.DateTimeField(default=foundation.kernel.clock.now)),
            ),
        ),
        IsolateByTenant(
            "PiiPolicyRecord", unique=[("tenant_id", "name")], roles={APP: "SELECT, INSERT, UPDATE", ERASER: "SELECT"}
        ),
        IsolateByTenant(
            "PiiPolicyVersion",
            references={"policy_id": "guard.PiiPolicyRecord"},
            unique=[("tenant_id", "policy_id", "number")],
            roles={APP: "SELECT, INSERT", ERASER: "SELECT, DELETE"},
        ),
        ForbidChanges("PiiPolicyVersion"),
    ]

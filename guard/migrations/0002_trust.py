"""Voices and what became of them; the tenant's choices and its calibrations."""

from django.db import migrations, models

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from foundation.kernel.isolation import APP, ERASER, ForbidChanges, IsolateByTenant

OUTCOMES = [(kind, kind.title()) for kind in ("confirmed", "refuted", "corroborated")]
NOW = {"default": foundation.kernel.clock.now}


def owned(*fields):
    return [
        (
            "id",
            models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        ("tenant_id", models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
        *fields,
    ]


def table(name, *fields):
    return migrations.CreateModel(
        name=name, options={"abstract": False, "base_manager_name": "objects"}, fields=owned(*fields)
    )


KEPT = {APP: "SELECT, INSERT", ERASER: "SELECT, DELETE"}


class Migration(migrations.Migration):
    dependencies = [("guard", "0001_pii_policies")]
    operations = [
        table(
            "Voice",
            ("source_key", models.BinaryField(max_length=16)),
            ("principal_id", models.UUIDField()),
            ("first_seen_at", models.DateTimeField(**NOW)),
        ),
        table(
            "VoiceOutcome",
            ("voice_id", models.UUIDField()),
            ("kind", models.CharField(choices=OUTCOMES, max_length=12)),
            ("by", models.BinaryField(max_length=16)),
            ("at", models.DateTimeField(**NOW)),
        ),
        table(
            "GuardPolicyVersion",
            ("number", models.PositiveIntegerField()),
            ("alpha", models.FloatField()),
            ("optional_judge", models.BooleanField(default=False)),
            ("principal_id", models.UUIDField()),
            ("created_at", models.DateTimeField(**NOW)),
        ),
        table(
            "CalibrationVersion",
            ("number", models.PositiveIntegerField()),
            ("tails", models.JSONField()),
            ("records", models.PositiveIntegerField()),
            ("created_at", models.DateTimeField(**NOW)),
        ),
        IsolateByTenant("Voice", unique=[("tenant_id", "source_key", "principal_id")], roles=KEPT),
        IsolateByTenant(
            "VoiceOutcome",
            references={"voice_id": "guard.Voice"},
            unique=[("tenant_id", "voice_id", "kind", "by")],
            roles=KEPT,
        ),
        IsolateByTenant("GuardPolicyVersion", unique=[("tenant_id", "number")], roles=KEPT),
        IsolateByTenant("CalibrationVersion", unique=[("tenant_id", "number")], roles=KEPT),
        *(ForbidChanges(name) for name in ("Voice", "VoiceOutcome", "GuardPolicyVersion", "CalibrationVersion")),
    ]

"""Lessons, their texts and what they rest on."""

import django.contrib.postgres.fields
from django.db import migrations, models

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from foundation.kernel.isolation import APP, ERASER, ForbidChanges, IsolateByTenant


def told(*words):
    return [(word, word.title()) for word in words]


def same(*words):
    return [(word, word) for word in words]


FAMILIES = same(
    "instruction",
    "hidden-text",
    "exfiltration",
    "forged-provenance",
    "destruction",
    "unseen-effect",
    "redirect",
    "contradiction",
    "failure",
    "success",
)
NOW = {"default": foundation.kernel.clock.now}


def labels():
    label = models.CharField(max_length=64)
    return ("labels", django.contrib.postgres.fields.ArrayField(base_field=label, default=list, size=None))


def table(name, *fields, indexes=()):
    id_ = models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)
    tenant = models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)
    options = {"indexes": list(indexes)} if indexes else {"abstract": False, "base_manager_name": "objects"}
    return migrations.CreateModel(name=name, options=options, fields=[("id", id_), ("tenant_id", tenant), *fields])


class Migration(migrations.Migration):
    dependencies = [("guard", "0003_vault")]
    operations = [
        table(
            "Lesson",
            ("space_id", models.UUIDField()),
            labels(),
            (
                "state",
                models.CharField(
                    choices=told("candidate", "active", "retired", "expired"), default="candidate", max_length=16
                ),
            ),
            ("version", models.PositiveIntegerField(default=1)),
            ("rev", models.PositiveIntegerField(default=1)),
            ("origin", models.CharField(choices=told("detection", "outcome"), max_length=16)),
            ("family", models.CharField(choices=FAMILIES, max_length=24)),
            (
                "shape",
                models.CharField(
                    blank=True, choices=same("episode", "trace", "fact", "preference"), default="", max_length=16
                ),
            ),
            ("effect", models.CharField(choices=same("none", "read", "write", "delete", "exfil"), max_length=8)),
            ("pattern", models.JSONField(default=dict)),
            ("at_writing", models.BooleanField(default=True)),
            ("detector", models.CharField(max_length=32)),
            ("promoted", models.PositiveIntegerField(default=0)),
            (
                "replayed",
                models.CharField(
                    choices=same("none", "pending", "passed", "thin", "refused"), default="none", max_length=8
                ),
            ),
            ("replay_records", models.PositiveIntegerField(default=0)),
            ("replay_flagged", models.PositiveIntegerField(default=0)),
            ("replayed_at", models.DateTimeField(null=True)),
            ("hits", models.PositiveIntegerField(default=0)),
            ("last_hit_at", models.DateTimeField(null=True)),
            ("expires_at", models.DateTimeField()),
            ("created_by", models.UUIDField()),
            ("created_at", models.DateTimeField(**NOW)),
            ("sealed_reason", models.BinaryField(null=True)),
            ("mac", models.BinaryField(max_length=16)),
            indexes=(
                models.Index(fields=["tenant_id", "state", "space_id"], name="lesson_state"),
                models.Index(fields=["tenant_id", "expires_at"], name="lesson_expiry"),
            ),
        ),
        table(
            "LessonVersion",
            ("lesson_id", models.UUIDField()),
            ("number", models.PositiveIntegerField()),
            ("sealed", models.BinaryField()),
            ("principal_id", models.UUIDField()),
            ("created_at", models.DateTimeField(**NOW)),
        ),
        table(
            "LessonEvidence",
            ("lesson_id", models.UUIDField(null=True)),
            (
                "state",
                models.CharField(
                    choices=told("noted", "counted", "confirmed", "refuted", "cited"), default="noted", max_length=16
                ),
            ),
            ("space_id", models.UUIDField()),
            labels(),
            ("family", models.CharField(choices=FAMILIES, max_length=24)),
            ("pattern", models.JSONField(default=dict)),
            ("admission_id", models.UUIDField(null=True)),
            ("memcube_id", models.UUIDField(null=True)),
            ("version", models.PositiveIntegerField(null=True)),
            (
                "subject_ids",
                django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None),
            ),
            ("marks", models.BinaryField(default=b"")),
            ("at", models.DateTimeField(**NOW)),
            indexes=(
                models.Index(fields=["tenant_id", "lesson_id"], name="lesson_evidence"),
                models.Index(fields=["tenant_id", "memcube_id"], name="lesson_evidence_record"),
                models.Index(fields=["tenant_id", "admission_id"], name="lesson_evidence_decision"),
            ),
        ),
        IsolateByTenant("Lesson", roles={APP: "SELECT, INSERT, UPDATE", ERASER: "SELECT, UPDATE, DELETE"}),
        IsolateByTenant(
            "LessonVersion",
            references={"lesson_id": "guard.Lesson"},
            unique=[("tenant_id", "lesson_id", "number")],
            roles={APP: "SELECT, INSERT", ERASER: "SELECT, DELETE"},
        ),
        IsolateByTenant(
            "LessonEvidence",
            references={"lesson_id": "guard.Lesson"},
            roles={APP: "SELECT, INSERT, UPDATE, DELETE", ERASER: "SELECT, UPDATE, DELETE"},
        ),
        ForbidChanges("LessonVersion"),
    ]

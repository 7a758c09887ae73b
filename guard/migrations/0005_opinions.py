"""What the optional judge said."""

from django.db import migrations, models

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from foundation.kernel.isolation import APP, ERASER, IsolateByTenant

ABOUT = [("held", "Held"), ("disputed", "Disputed")]
WORDS = [(word, word.title()) for word in ("asked", "none", "benign", "poisoned", "unsure")]


class Migration(migrations.Migration):
    dependencies = [("guard", "0004_lessons")]
    operations = [
        migrations.CreateModel(
            name="JudgeOpinion",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("tenant_id", models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ("version_id", models.UUIDField()),
                ("about", models.CharField(choices=ABOUT, max_length=8)),
                ("matter_key", models.BinaryField(max_length=16)),
                ("word", models.CharField(choices=WORDS, max_length=8)),
                ("confidence", models.PositiveSmallIntegerField(default=0)),
                ("reason", models.CharField(blank=True, default="", max_length=16)),
                ("model", models.CharField(max_length=64)),
                ("at", models.DateTimeField(default=foundation.kernel.clock.now)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["tenant_id", "matter_key"], name="opinion_matter"),
                    models.Index(fields=["tenant_id", "at"], name="opinion_at"),
                ]
            },
        ),
        IsolateByTenant(
            "JudgeOpinion",
            unique=[("tenant_id", "version_id", "about", "matter_key")],
            roles={APP: "SELECT, INSERT, UPDATE, DELETE", ERASER: "SELECT, DELETE"},
        ),
    ]

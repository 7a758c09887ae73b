"""The vault of pseudonyms: values, the versions that use them, the subjects that own them, and who was shown one."""

import django.db.models.deletion
from django.db import migrations, models

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from foundation.kernel.isolation import APP, ERASER, ForbidChanges, IsolateByTenant

ENTITIES = (
    *("SECRET", "CARD", "BANK_ACCOUNT", "NATIONAL_ID", "PASSPORT", "DRIVER_LICENCE", "DATE_OF_BIRTH", "EMAIL"),
    *("PHONE", "IP_ADDRESS", "HANDLE", "URL", "ADDRESS", "PERSON", "LOCATION"),
)
OPTIONS = {"abstract": False, "base_manager_name": "objects"}
# The web process adds and reads; only the eraser dooms and removes.
ADDED = {APP: "SELECT, INSERT", ERASER: "SELECT, DELETE"}


def owned(*fields):
    return [
        (
            "id",
            models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False),
        ),
        ("tenant_id", models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
        *fields,
    ]


def value():
    to, gone = "guard.pseudonymvalue", django.db.models.deletion.DO_NOTHING
    return ("value", models.ForeignKey(db_constraint=False, db_index=False, on_delete=gone, to=to))


def made():
    return ("created_at", models.DateTimeField(default=foundation.kernel.clock.now))


class Migration(migrations.Migration):
    dependencies = [("guard", "0002_trust")]
    operations = [
        migrations.CreateModel(
            name="PseudonymValue",
            options={
                "indexes": [
                    models.Index(fields=["tenant_id", "identifier"], name="value_identifier"),
                    models.Index(
                        fields=["tenant_id"], condition=models.Q(("doomed_at__isnull", False)), name="value_doomed"
                    ),
                ]
            },
            fields=owned(
                ("lookup", models.BinaryField(max_length=16)),
                ("identifier", models.BinaryField(max_length=16)),
                ("entity", models.CharField(choices=[(each, each) for each in ENTITIES], max_length=16)),
                ("sealed", models.BinaryField()),
                made(),
                ("doomed_at", models.DateTimeField(null=True)),
            ),
        ),
        migrations.CreateModel(
            name="PseudonymUse",
            options={"indexes": [models.Index(fields=["tenant_id", "value"], name="use_value")]},
            fields=owned(value(), ("holder_id", models.UUIDField())),
        ),
        migrations.CreateModel(
            name="PseudonymOwner",
            options={"indexes": [models.Index(fields=["tenant_id", "value"], name="owner_value")]},
            fields=owned(value(), ("subject_id", models.UUIDField())),
        ),
        migrations.CreateModel(
            name="PseudonymReveal",
            options={"indexes": [models.Index(fields=["tenant_id", "holder_id"], name="reveal_holder")]},
            fields=owned(
                ("holder_id", models.UUIDField()),
                ("principal_id", models.UUIDField()),
                ("sealed_reason", models.BinaryField()),
                made(),
            ),
        ),
        IsolateByTenant(
            "PseudonymValue",
            unique=[("tenant_id", "lookup")],
            roles={APP: "SELECT, INSERT", ERASER: "SELECT, UPDATE, DELETE"},
        ),
        IsolateByTenant(
            "PseudonymUse",
            references={"value_id": "guard.PseudonymValue"},
            unique=[("tenant_id", "holder_id", "value_id")],
            roles=ADDED,
        ),
        IsolateByTenant(
            "PseudonymOwner",
            references={"value_id": "guard.PseudonymValue"},
            unique=[("tenant_id", "subject_id", "value_id")],
            roles=ADDED,
        ),
        IsolateByTenant("PseudonymReveal", roles=ADDED),
        ForbidChanges("PseudonymUse"),
        ForbidChanges("PseudonymOwner"),
        ForbidChanges("PseudonymReveal"),
    ]

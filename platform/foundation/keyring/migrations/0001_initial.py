"""The keyring: shards, wrapped keys, rotations, and the ids of what was destroyed."""

import django.contrib.postgres.fields
import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from django.db import migrations, models

from foundation.kernel.isolation import APP, ERASER, IsolateByTenant


# Re-wrapping is a heap-only update where its page has room.
ROOM = "ALTER TABLE keyring_key SET (fillfactor = 75)"


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Destroyed',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('shard', models.PositiveSmallIntegerField()),
                ('new_epoch', models.BigIntegerField()),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Key',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('shard', models.PositiveSmallIntegerField()),
                ('purpose', models.CharField(choices=[('version', 'Version'), ('subject', 'Subject'), ('pseudonym', 'Pseudonym'), ('index', 'Index'), ('query-day', 'Query Day'), ('receipt', 'Receipt'), ('record', 'Record'), ('integrity', 'Integrity'), ('lookup', 'Lookup'), ('cursor', 'Cursor'), ('idempotency-day', 'Idempotency Day')], max_length=16)),
                ('epoch', models.BigIntegerField()),
                ('subjects', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ('wrapped', models.BinaryField()),
                ('created_at', models.DateTimeField(default=foundation.kernel.clock.now)),
                ('confirmed', models.BooleanField(default=False)),
            ],
            options={
                'indexes': [models.Index(fields=['tenant_id', 'shard', 'id'], name='key_by_shard')],
                'constraints': [models.CheckConstraint(condition=models.Q(('purpose__in', ['version', 'subject', 'pseudonym', 'index', 'query-day', 'receipt', 'record', 'integrity', 'lookup', 'cursor', 'idempotency-day'])), name='key_purpose_is_known')],
            },
        ),
        migrations.CreateModel(
            name='Rotation',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('shard', models.PositiveSmallIntegerField()),
                ('old_epoch', models.BigIntegerField(default=0)),
                ('new_epoch', models.BigIntegerField()),
                ('state', models.CharField(choices=[('intended', 'Intended'), ('undoing', 'Undoing'), ('undone', 'Undone'), ('turned', 'Turned'), ('done', 'Done')], default='intended', max_length=16)),
                ('survivors', models.BigIntegerField(default=0)),
                ('assurance', models.CharField(choices=[('A0', 'A0'), ('A1', 'A1'), ('A2', 'A2'), ('A3', 'A3')], default='A0', max_length=2)),
                ('intended_at', models.DateTimeField(default=foundation.kernel.clock.now)),
                ('turned_at', models.DateTimeField(null=True)),
                ('destroyed_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state__in', ['done', 'undone']), _negated=True), fields=['tenant_id', 'state'], name='rotation_unfinished')],
            },
        ),
        migrations.CreateModel(
            name='Shard',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('number', models.PositiveSmallIntegerField()),
                ('epoch', models.BigIntegerField()),
                ('issued', models.BigIntegerField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('epoch__gte', 1), ('issued__gte', models.F('epoch'))), name='epoch_was_issued')],
            },
        ),
        # A share lock asks for UPDATE on some column; the policy lets tenant_id change to itself alone.
        IsolateByTenant(
            "Shard",
            unique=[("tenant_id", "number")],
            roles={APP: "SELECT, INSERT, UPDATE (tenant_id)", ERASER: "SELECT, UPDATE (epoch, issued)"},
        ),
        IsolateByTenant(
            "Key", roles={APP: "SELECT, INSERT", ERASER: "SELECT, UPDATE (epoch, wrapped, confirmed), DELETE"}
        ),
        IsolateByTenant(
            "Rotation", unique=[("tenant_id", "shard", "new_epoch")], roles={ERASER: "SELECT, INSERT, UPDATE"}
        ),
        IsolateByTenant("Destroyed", roles={APP: "SELECT", ERASER: "SELECT, INSERT"}),
        migrations.RunSQL(ROOM, migrations.RunSQL.noop),
    ]

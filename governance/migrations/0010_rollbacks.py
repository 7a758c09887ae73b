"""Orders to undo many records at once, and what becomes of each record."""

import django.contrib.postgres.fields
import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from django.db import migrations, models

from foundation.kernel.isolation import IsolateByTenant


class Migration(migrations.Migration):
    dependencies = [('governance', '0009_search_times')]
    operations = [
        migrations.CreateModel(
            name='Rollback',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('state', models.CharField(choices=[('planned', 'Planned'), ('approved', 'Approved'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed'), ('expired', 'Expired')], default='planned', max_length=16)),
                ('source_key', models.BinaryField(max_length=16, null=True)),
                ('actor_key', models.BinaryField(max_length=16, null=True)),
                ('session_key', models.BinaryField(max_length=16, null=True)),
                ('writer_id', models.UUIDField(null=True)),
                ('space_id', models.UUIDField(null=True)),
                ('since', models.DateTimeField(null=True)),
                ('memcube_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ('sealed_reason', models.BinaryField()),
                ('manifest', models.CharField(max_length=80)),
                ('counts', models.JSONField(default=dict)),
                ('report', models.JSONField(default=dict)),
                ('event_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ('requested_by', models.UUIDField()),
                ('approved_by', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, size=None)),
                ('executed_by', models.UUIDField(null=True)),
                ('operation_id', models.UUIDField(null=True)),
                ('created_at', models.DateTimeField(default=foundation.kernel.clock.now)),
                ('expires_at', models.DateTimeField()),
                ('finished_at', models.DateTimeField(null=True)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='RollbackItem',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('rollback_id', models.UUIDField()),
                ('memcube_id', models.UUIDField()),
                ('rev', models.PositiveIntegerField()),
                ('from_version', models.PositiveIntegerField()),
                ('to_version', models.PositiveIntegerField(null=True)),
                ('action', models.CharField(choices=[('restore', 'Restore'), ('withdraw', 'Withdraw'), ('hold', 'Hold'), ('restrict', 'Restrict'), ('refuse', 'Refuse')], max_length=16)),
                ('tainted', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveIntegerField(), default=list, size=None)),
                ('step', models.CharField(choices=[('planned', 'Planned'), ('done', 'Done'), ('restricted', 'Restricted'), ('changed', 'Changed'), ('erased', 'Erased'), ('unrecoverable', 'Unrecoverable'), ('denied', 'Denied')], default='planned', max_length=16)),
                ('event_id', models.UUIDField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['tenant_id', 'rollback_id', 'id'], name='rollback_item')],
            },
        ),
        IsolateByTenant(
            "Rollback", references={"space_id": "governance.Space", "operation_id": "governance.Operation"}
        ),
        IsolateByTenant(
            "RollbackItem",
            references={"rollback_id": "governance.Rollback", "memcube_id": "governance.MemCube"},
            unique=[("tenant_id", "rollback_id", "memcube_id")],
        ),
    ]

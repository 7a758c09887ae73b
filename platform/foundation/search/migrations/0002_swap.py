"""How far the change from one index generation to the next has come, and since when a new key is owed."""

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from django.db import migrations, models

from foundation.kernel.isolation import IsolateByTenant

ONE_OPEN = """CREATE UNIQUE INDEX search_swap_open ON search_swap (tenant_id)
WHERE state NOT IN ('done', 'stopped')"""


class Migration(migrations.Migration):
    dependencies = [('search', '0001_initial')]
    operations = [
        migrations.CreateModel(
            name='Swap',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('old', models.PositiveIntegerField()),
                ('new', models.PositiveIntegerField()),
                ('cause', models.CharField(choices=[('erasure', 'Erasure'), ('operator', 'Operator')], max_length=16)),
                ('state', models.CharField(choices=[('filling', 'Filling'), ('checking', 'Checking'), ('draining', 'Draining'), ('dropping', 'Dropping'), ('done', 'Done'), ('discarding', 'Discarding'), ('stopped', 'Stopped')], default='filling', max_length=16)),
                ('cursor', models.UUIDField(null=True)),
                ('done', models.PositiveIntegerField(default=0)),
                ('total', models.PositiveIntegerField(default=0)),
                ('embedded', models.PositiveIntegerField(default=0)),
                ('least', models.PositiveIntegerField()),
                ('questions', models.PositiveIntegerField(default=0)),
                ('alike', models.PositiveIntegerField(default=0)),
                ('found_before', models.PositiveIntegerField(default=0)),
                ('found_after', models.PositiveIntegerField(default=0)),
                ('failure', models.CharField(default='', max_length=64)),
                ('begun_at', models.DateTimeField(default=foundation.kernel.clock.now)),
                ('changed_at', models.DateTimeField(default=foundation.kernel.clock.now)),
                ('switched_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.AddField(
            model_name='generation',
            name='owed_since',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='generation',
            name='state',
            field=models.CharField(choices=[('building', 'Building'), ('active', 'Active'), ('draining', 'Draining'), ('retired', 'Retired')], max_length=16),
        ),
        IsolateByTenant("Swap"),
        migrations.RunSQL(ONE_OPEN, "DROP INDEX search_swap_open"),
    ]

"""How memories are used: what was said of acting on them, and how much that weighs in a space."""

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from django.db import migrations, models

from foundation.kernel.isolation import IsolateByTenant


class Migration(migrations.Migration):
    dependencies = [('governance', '0006_merging')]
    operations = [
        migrations.AddField('space', 'strength', models.FloatField(default=0.0)),
        migrations.CreateModel(
            name='Citation',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('memcube_id', models.UUIDField()),
                ('principal_id', models.UUIDField()),
                ('success', models.BooleanField()),
                ('at', models.DateTimeField(default=foundation.kernel.clock.now)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        IsolateByTenant(
            "Citation",
            references={"memcube_id": "governance.MemCube"},
            unique=[("tenant_id", "memcube_id", "principal_id")],
        ),
        migrations.RemoveIndex('retrievalhit', 'retrieval_record'),
        migrations.AddIndex(
            'retrievalhit', models.Index(fields=['tenant_id', 'memcube_id', 'id'], name='retrieval_latest')
        ),
    ]

"""Embeddings made after a version was admitted, by the embedder that the index took up then."""

import foundation.kernel.ids
import foundation.kernel.scope
from django.db import migrations, models

from foundation.kernel.isolation import ForbidChanges, IsolateByTenant


class Migration(migrations.Migration):
    dependencies = [('governance', '0002_incidents')]
    operations = [
        migrations.CreateModel(
            name='Embedding',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('version_id', models.UUIDField()),
                ('embedder', models.CharField(max_length=64)),
                ('sealed', models.BinaryField()),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        IsolateByTenant(
            "Embedding",
            references={"version_id": "governance.Version"},
            unique=[("tenant_id", "version_id", "embedder")],
        ),
        ForbidChanges("Embedding"),
    ]

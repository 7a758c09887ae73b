"""The blind index: the generations of each tenant, logged, and their content, UNLOGGED (in no WAL, replica or backup)."""

import django.contrib.postgres.fields
import pgvector.django.halfvec
import pgvector.django.sparsevec
from django.db import migrations, models

import foundation.kernel.ids
import foundation.kernel.scope
from foundation.kernel.isolation import IsolateByTenant

UNLOGGED = ("beacon", "entry", "scope", "counter")
ONE_ACTIVE = "CREATE UNIQUE INDEX search_generation_active ON search_generation (tenant_id) WHERE state = 'active'"


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name='Beacon',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Generation',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('number', models.PositiveIntegerField()),
                ('embedder', models.CharField(max_length=64)),
                ('dim', models.PositiveIntegerField()),
                ('state', models.CharField(choices=[('building', 'Building'), ('active', 'Active'), ('retired', 'Retired')], max_length=16)),
                ('token', models.UUIDField()),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Scope',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('generation', models.PositiveIntegerField()),
                ('collection', models.CharField(max_length=16)),
                ('space_id', models.UUIDField()),
                ('acl', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                ('documents', models.BigIntegerField()),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Counter',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('scope_id', models.UUIDField()),
                ('documents', models.BigIntegerField()),
            ],
            options={
                'indexes': [models.Index(fields=['tenant_id', 'scope_id'], name='search_counter_scope')],
            },
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('record_id', models.UUIDField()),
                ('space_id', models.UUIDField()),
                ('revision', models.BigIntegerField()),
                ('recorded_at', models.DateTimeField()),
                ('superseded_at', models.DateTimeField()),
                ('valid_from', models.DateTimeField()),
                ('valid_to', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('generation', models.PositiveIntegerField()),
                ('version', models.PositiveIntegerField()),
                ('collection', models.CharField(max_length=16)),
                ('state', models.CharField(max_length=16)),
                ('kind', models.CharField(max_length=32)),
                ('acl', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                ('labels', django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), default=list, size=None)),
                ('subjects', django.contrib.postgres.fields.ArrayField(base_field=models.BinaryField(), default=list, size=None)),
                ('session', models.BinaryField(null=True)),
                ('position', models.BigIntegerField(null=True)),
                ('lex', pgvector.django.sparsevec.SparseVectorField(null=True)),
                ('vec', pgvector.django.halfvec.HalfVectorField(null=True)),
            ],
            options={
                'indexes': [models.Index(fields=['tenant_id', 'space_id'], name='search_entry_space')],
            },
        ),
        IsolateByTenant("Generation", unique=[("tenant_id", "number")]),
        *(IsolateByTenant(model) for model in ("Beacon", "Entry", "Scope", "Counter")),
        migrations.RunSQL(ONE_ACTIVE, "DROP INDEX search_generation_active"),
        *(
            migrations.RunSQL(f"ALTER TABLE search_{table} SET UNLOGGED", migrations.RunSQL.noop)
            for table in UNLOGGED
        ),
        # Counters change with every document: room on the page keeps those changes out of the indexes.
        migrations.RunSQL("ALTER TABLE search_counter SET (fillfactor = 70)", migrations.RunSQL.noop),
    ]

"""The ledger: outbox, entries, details, tiles, heads, lanes, manifest, quarantines, and the sequencer's lease."""

import django.contrib.postgres.fields
import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from django.db import migrations, models

from foundation.kernel.isolation import ForbidChanges, GrantSequencer, IsolateByTenant


READ_ONLY = {"memwrit_app": "SELECT"}
WRITERS = {"memwrit_app": "SELECT, INSERT", "memwrit_eraser": "SELECT, INSERT"}

# Rows come and go in the outbox: it is vacuumed by their number. Packed hashes do not compress.
STORAGE = """
ALTER TABLE audit_outbox ALTER COLUMN seq DROP DEFAULT;
ALTER TABLE audit_outbox ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY;
ALTER TABLE audit_outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
ALTER TABLE audit_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;
ALTER TABLE audit_manifestnode ALTER COLUMN body SET STORAGE EXTERNAL;
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Detail',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('sealed', models.BinaryField(null=True)),
                ('query', models.BinaryField(null=True)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Entry',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('index', models.BigIntegerField()),
                ('leaf_hash', models.BinaryField()),
                ('entry', models.BinaryField()),
                ('act', models.CharField(max_length=32)),
                ('actor_id', models.UUIDField()),
                ('target_kind', models.CharField(max_length=64, null=True)),
                ('target_id', models.UUIDField(null=True)),
                ('outcome', models.CharField(max_length=64)),
                ('policy', models.CharField(max_length=64)),
                ('ts', models.BigIntegerField()),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Head',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('size', models.BigIntegerField()),
                ('root', models.BinaryField()),
                ('note', models.TextField()),
                ('signed_at', models.DateTimeField(default=foundation.kernel.clock.now)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Lane',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('n', models.BigIntegerField()),
                ('chain', models.BinaryField()),
                ('closed', models.BooleanField(default=False)),
                ('seen_at', models.DateTimeField(default=foundation.kernel.clock.now)),
                ('mac', models.BinaryField()),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('holder', models.UUIDField()),
                ('until', models.DateTimeField()),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='ManifestNode',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('level', models.SmallIntegerField()),
                ('index', models.BigIntegerField()),
                ('body', models.BinaryField()),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Quarantine',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('reason', models.CharField(choices=[('mac', 'Mac'), ('lane', 'Lane'), ('event', 'Event'), ('repeat', 'Repeat'), ('tree', 'Tree'), ('head', 'Head'), ('pin', 'Pin'), ('manifest', 'Manifest')], max_length=16)),
                ('raised_at', models.DateTimeField(default=foundation.kernel.clock.now)),
                ('lifted_at', models.DateTimeField(null=True)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Tile',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('level', models.SmallIntegerField()),
                ('number', models.BigIntegerField()),
                ('hashes', models.BinaryField()),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Outbox',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('seq', models.BigIntegerField(db_default=0)),
                ('lane', models.UUIDField()),
                ('n', models.BigIntegerField()),
                ('chain', models.BinaryField()),
                ('entry', models.BinaryField()),
                ('detail', models.BinaryField(null=True)),
                ('query', models.BinaryField(null=True)),
                ('touched', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
                ('mac', models.BinaryField()),
                ('written_at', models.DateTimeField(default=foundation.kernel.clock.now)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
                'indexes': [models.Index(fields=['tenant_id', 'seq'], name='audit_outbox_turn')],
            },
        ),
        migrations.RunSQL(STORAGE, migrations.RunSQL.noop),
        IsolateByTenant("Outbox", roles=WRITERS),
        IsolateByTenant("Entry", roles=READ_ONLY, unique=[("tenant_id", "index")]),
        IsolateByTenant("Detail", roles=READ_ONLY | {"memwrit_eraser": "SELECT, DELETE"}),
        IsolateByTenant("Tile", roles=READ_ONLY, unique=[("tenant_id", "level", "number")]),
        IsolateByTenant("Head", roles=READ_ONLY),
        IsolateByTenant("Lane", roles=READ_ONLY),
        IsolateByTenant("ManifestNode", roles=READ_ONLY, unique=[("tenant_id", "level", "index")]),
        IsolateByTenant("Quarantine", roles=WRITERS),
        IsolateByTenant("Lease", roles=READ_ONLY),
        ForbidChanges("Entry"),
        ForbidChanges("Outbox"),
        GrantSequencer("Outbox", privileges="SELECT, DELETE"),
        GrantSequencer("Entry", privileges="SELECT, INSERT"),
        GrantSequencer("Detail", privileges="SELECT, INSERT"),
        GrantSequencer("Tile", privileges="SELECT, INSERT, UPDATE"),
        GrantSequencer("Head", privileges="SELECT, INSERT, UPDATE"),
        GrantSequencer("Lane"),
        GrantSequencer("ManifestNode", privileges="SELECT, INSERT, UPDATE"),
        GrantSequencer("Quarantine", privileges="SELECT, INSERT, UPDATE"),
        GrantSequencer("Lease", privileges="SELECT, INSERT, UPDATE"),
    ]

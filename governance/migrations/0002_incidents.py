"""Held records that belong together, and who submitted them."""

import foundation.kernel.clock
import foundation.kernel.ids
import foundation.kernel.scope
from django.db import migrations, models

from foundation.kernel.isolation import IsolateByTenant

# One open incident for one kind of attack.
ONE_OPEN = """CREATE UNIQUE INDEX governance_incident_open_uniq ON governance_incident (tenant_id, key)
WHERE state = 'open'"""

class Migration(migrations.Migration):

    dependencies = [
        ('governance', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.UUIDField(default=foundation.kernel.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('tenant_id', models.UUIDField(default=foundation.kernel.scope.current_tenant, editable=False)),
                ('key', models.BinaryField(max_length=16)),
                ('state', models.CharField(choices=[('open', 'Open'), ('approved', 'Approved'), ('rejected', 'Rejected')], default='open', max_length=16)),
                ('refused', models.PositiveIntegerField(default=0)),
                ('opened_at', models.DateTimeField(default=foundation.kernel.clock.now)),
                ('last_at', models.DateTimeField(default=foundation.kernel.clock.now)),
                ('decided_by', models.UUIDField(null=True)),
                ('decided_at', models.DateTimeField(null=True)),
                ('sealed_reason', models.BinaryField(null=True)),
            ],
            options={
                'abstract': False,
                'base_manager_name': 'objects',
            },
        ),
        migrations.AddField(
            model_name='admission',
            name='incident_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='admission',
            name='principal_id',
            field=models.UUIDField(null=True),
        ),
        migrations.AddIndex(
            model_name='admission',
            index=models.Index(condition=models.Q(('state', 'held')), fields=['tenant_id', 'source_key'], name='admission_open_source'),
        ),
        migrations.AddIndex(
            model_name='admission',
            index=models.Index(condition=models.Q(('state', 'held')), fields=['tenant_id', 'principal_id'], name='admission_open_writer'),
        ),
        migrations.AddIndex(
            model_name='admission',
            index=models.Index(condition=models.Q(('incident_id__isnull', False)), fields=['tenant_id', 'incident_id'], name='admission_incident'),
        ),
        IsolateByTenant("Incident"),
        migrations.RunSQL(ONE_OPEN, "DROP INDEX governance_incident_open_uniq"),
        migrations.RunSQL(
            "ALTER TABLE governance_admission NO FORCE ROW LEVEL SECURITY;"
            "ALTER TABLE governance_incident NO FORCE ROW LEVEL SECURITY;"
            "ALTER TABLE governance_admission ADD CONSTRAINT governance_admission_incident_id_fk"
            " FOREIGN KEY (tenant_id, incident_id) REFERENCES governance_incident (tenant_id, id);"
            "ALTER TABLE governance_admission FORCE ROW LEVEL SECURITY;"
            "ALTER TABLE governance_incident FORCE ROW LEVEL SECURITY",
            migrations.RunSQL.noop,
        ),
    ]

"""What was done to one thing is found without reading the whole log."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("audit", "0002_witnessed"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="entry",
            options={},
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["tenant_id", "target_id", "id"], name="audit_entry_target"),
        ),
    ]

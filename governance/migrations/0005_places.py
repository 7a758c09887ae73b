"""The way from a turn to the turns beside it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("governance", "0004_waiting")]
    operations = [
        migrations.AddIndex(
            "version",
            models.Index(
                fields=["tenant_id", "session_key", "position"],
                condition=models.Q(position__isnull=False),
                name="version_place",
            ),
        )
    ]

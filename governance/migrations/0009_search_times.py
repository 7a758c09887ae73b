"""How long each search took."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("governance", "0008_retention")]
    operations = [migrations.AddField("retrieval", "took_ms", models.PositiveIntegerField(null=True))]

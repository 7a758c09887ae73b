"""Admissions that are held only until a part that was away is back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("governance", "0003_embeddings")]
    operations = [migrations.AddField("admission", "waits", models.BooleanField(default=False))]

"""Whether a space merges what a source says again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("governance", "0005_places")]
    operations = [migrations.AddField("space", "merge_duplicates", models.BooleanField(default=False))]

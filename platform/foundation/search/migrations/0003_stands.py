from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("search", "0002_swap")]

    operations = [
        migrations.AddField(model_name="entry", name="stands", field=models.BooleanField(db_default=False)),
    ]

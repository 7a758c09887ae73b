"""Owed work remembers the trace it was owed in. Null for whoever owes without one, and for earlier releases."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("kernel", "0002_queues")]
    operations = [migrations.AddField("workitem", "trace", models.CharField(max_length=55, null=True))]

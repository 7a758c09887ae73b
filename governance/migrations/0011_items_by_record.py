"""Find a record among the orders to roll back and to erase: every derivation and every rollback asks."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("governance", "0010_rollbacks")]
    operations = [
        migrations.AddIndex("erasureitem", models.Index(fields=["tenant_id", "memcube_id"], name="erasure_record")),
        migrations.AddIndex("rollbackitem", models.Index(fields=["tenant_id", "memcube_id"], name="rollback_record")),
    ]

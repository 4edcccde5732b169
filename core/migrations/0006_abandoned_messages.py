"""The health check counts the messages set aside: one small index, built while the site serves."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("core", "0005_typography")]

    operations = [
        AddIndexConcurrently(
            "outboxmessage",
            models.Index(
                fields=["abandoned_at"],
                name="core_outbox_abandoned",
                condition=models.Q(("abandoned_at__isnull", False), ("delivered_at__isnull", True)),
            ),
        ),
    ]

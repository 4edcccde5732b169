from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Indexes of the other orders of the screener's list."""

    atomic = False
    dependencies = [("applications", "0003_verdicts_are_kept")]
    operations = [
        AddIndexConcurrently(
            "application",
            models.Index(
                fields=["amount_requested", "id"],
                name="applications_amount",
                condition=models.Q(("submitted_at__isnull", False)),
            ),
        ),
        AddIndexConcurrently(
            "application",
            models.Index(
                fields=["decision_due_at", "id"],
                name="applications_decision_due",
                condition=models.Q(("submitted_at__isnull", False)),
            ),
        ),
    ]

"""A mandate that has not begun may be cancelled: it ends when it starts, and never gives a right."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0004_typography"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="mandate",
            name="calls_mandate_dates_in_order",
        ),
        migrations.AddConstraint(
            model_name="mandate",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__isnull", True), ("ends_at__gte", models.F("starts_at")), _connector="OR"),
                name="calls_mandate_dates_in_order",
                violation_error_message="La fin du mandat ne peut pas précéder son début.",
            ),
        ),
    ]

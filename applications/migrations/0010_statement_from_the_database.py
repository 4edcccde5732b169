"""A process of the version before, which knows no statement, still files while the new one starts."""

from django.db import migrations, models
from django.db.models import Value


class Migration(migrations.Migration):
    dependencies = [("applications", "0009_acknowledgement_states")]
    operations = [
        migrations.AlterField(
            model_name="acknowledgement",
            name="statement",
            field=models.JSONField(
                blank=True, db_default=Value({}, models.JSONField()), default=dict, verbose_name="ce qu’il atteste"
            ),
        ),
    ]

"""Why an affiliation was ended, for the person who reads it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("territories", "0004_typography"),
    ]

    operations = [
        migrations.AddField(
            model_name="affiliation",
            name="end_reason",
            field=models.CharField(blank=True, max_length=300, verbose_name="motif de la fin"),
        ),
    ]

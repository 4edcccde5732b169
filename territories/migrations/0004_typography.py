"""The apostrophe of French typography in what people read; no column changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("territories", "0003_refresh_statistics"),
    ]

    operations = [
        migrations.AlterField(
            model_name="affiliation",
            name="ends_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="jusqu’au"),
        ),
        migrations.AlterField(
            model_name="affiliation",
            name="evidence",
            field=models.CharField(
                blank=True,
                help_text="ProConnect, courriel de domaine, visa d’un agent…",
                max_length=200,
                verbose_name="preuve",
            ),
        ),
    ]

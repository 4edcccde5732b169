"""The apostrophe of French typography in what people read; no column changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_factor_recovery"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="factorrecovery",
            options={
                "ordering": ["requested_at", "pk"],
                "verbose_name": "secours d’un second facteur perdu",
                "verbose_name_plural": "secours de seconds facteurs perdus",
            },
        ),
        migrations.AlterField(
            model_name="confirmation",
            name="expires_at",
            field=models.DateTimeField(verbose_name="valable jusqu’au"),
        ),
        migrations.AlterField(
            model_name="confirmation",
            name="method",
            field=models.CharField(
                choices=[("totp", "code à usage unique"), ("webauthn", "clé d’accès")],
                max_length=10,
                verbose_name="moyen",
            ),
        ),
        migrations.AlterField(
            model_name="factorrecovery",
            name="reason",
            field=models.TextField(max_length=1000, verbose_name="ce qui s’est passé"),
        ),
        migrations.AlterField(
            model_name="user",
            name="is_staff",
            field=models.BooleanField(default=False, verbose_name="accès à l’administration"),
        ),
    ]

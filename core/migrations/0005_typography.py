"""The apostrophe of French typography in what people read; no column changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_files_by_hash"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="destructionvisa",
            options={"verbose_name": "visa d’élimination", "verbose_name_plural": "visas d’élimination"},
        ),
        migrations.AlterModelOptions(
            name="idempotencyrecord",
            options={"verbose_name": "clé d’idempotence", "verbose_name_plural": "clés d’idempotence"},
        ),
        migrations.AlterField(
            model_name="journalanchor",
            name="previous_sha256",
            field=models.CharField(blank=True, max_length=64, verbose_name="empreinte de l’ancrage précédent"),
        ),
        migrations.AlterField(
            model_name="journalanchor",
            name="token",
            field=models.BinaryField(verbose_name="jeton d’horodatage"),
        ),
        migrations.AlterField(
            model_name="journalentry",
            name="at",
            field=models.DateTimeField(verbose_name="date de l’acte"),
        ),
        migrations.AlterField(
            model_name="journalentry",
            name="to_state",
            field=models.CharField(blank=True, max_length=40, verbose_name="état d’arrivée"),
        ),
        migrations.AlterField(
            model_name="outboxmessage",
            name="dedupe_key",
            field=models.CharField(max_length=200, unique=True, verbose_name="clé d’unicité"),
        ),
    ]

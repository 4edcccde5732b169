"""The apostrophe of French typography in what people read; no column changes."""

import django_fsm
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("conventions", "0005_two_signatories"),
    ]

    operations = [
        migrations.AlterField(
            model_name="convention",
            name="commitment_number",
            field=models.CharField(blank=True, max_length=40, verbose_name="numéro d’engagement juridique (EJ)"),
        ),
        migrations.AlterField(
            model_name="convention",
            name="state",
            field=django_fsm.FSMField(
                choices=[
                    ("pending", "à rédiger"),
                    ("sealed", "à signer par la collectivité"),
                    ("beneficiary_signed", "à signer par l’État"),
                    ("signed", "signée"),
                    ("paid", "versée"),
                ],
                default="pending",
                max_length=20,
                protected=True,
                verbose_name="état",
            ),
        ),
        migrations.AlterField(
            model_name="repayment",
            name="ground",
            field=models.CharField(
                choices=[
                    ("object_changed", "objet modifié sans accord"),
                    ("ceiling_passed", "plafond d’aide publique dépassé"),
                    ("not_completed", "projet non achevé ou non déclaré dans les délais"),
                ],
                max_length=16,
                verbose_name="cas",
            ),
        ),
        migrations.AlterField(
            model_name="revision",
            name="kind",
            field=models.CharField(
                choices=[
                    ("rendered", "texte mis en page"),
                    ("sealed", "cachet de l’État"),
                    ("beneficiary", "signature de la collectivité"),
                    ("state", "signature de l’État"),
                ],
                max_length=12,
                verbose_name="nature",
            ),
        ),
        migrations.AlterField(
            model_name="signing",
            name="at",
            field=models.DateTimeField(verbose_name="date de l’acte"),
        ),
        migrations.AlterField(
            model_name="signing",
            name="kind",
            field=models.CharField(
                choices=[
                    ("rendered", "texte mis en page"),
                    ("sealed", "cachet de l’État"),
                    ("beneficiary", "signature de la collectivité"),
                    ("state", "signature de l’État"),
                ],
                max_length=12,
                verbose_name="nature",
            ),
        ),
    ]

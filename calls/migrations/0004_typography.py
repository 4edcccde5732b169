"""The apostrophe of French typography in what people read; no column changes."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0003_rules_are_not_emptied"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="axisterms",
            options={"verbose_name": "conditions de l’axe", "verbose_name_plural": "conditions des axes"},
        ),
        migrations.AlterModelOptions(
            name="eligibilityrule",
            options={
                "ordering": ["rules_version", "axis", "position"],
                "verbose_name": "règle d’éligibilité",
                "verbose_name_plural": "règles d’éligibilité",
            },
        ),
        migrations.AlterField(
            model_name="axis",
            name="funded_from",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="funds",
                to="calls.axis",
                verbose_name="financé sur l’enveloppe de",
            ),
        ),
        migrations.AlterField(
            model_name="axisterms",
            name="aid_rate",
            field=models.DecimalField(
                decimal_places=4,
                max_digits=5,
                validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(1)],
                verbose_name="taux maximal d’aide",
            ),
        ),
        migrations.AlterField(
            model_name="call",
            name="has_waiting_list",
            field=models.BooleanField(default=True, verbose_name="liste d’attente"),
        ),
        migrations.AlterField(
            model_name="call",
            name="steward_siret",
            field=models.CharField(blank=True, max_length=14, verbose_name="SIRET de l’attribuant"),
        ),
        migrations.AlterField(
            model_name="mandate",
            name="ends_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="jusqu’au"),
        ),
        migrations.AlterField(
            model_name="mandate",
            name="organisation_name",
            field=models.CharField(blank=True, max_length=200, verbose_name="organisme d’appartenance"),
        ),
        migrations.AlterField(
            model_name="mandate",
            name="role",
            field=models.CharField(
                choices=[
                    ("screener", "instructeur"),
                    ("juror", "juré"),
                    ("chair", "président du jury"),
                    ("officer", "gestionnaire du ministère"),
                    ("releaser", "ordonnateur (seconde personne)"),
                    ("signatory", "signataire de l’État"),
                    ("auditor", "contrôle (lecture seule)"),
                    ("administrator", "administrateur de l’appel"),
                ],
                max_length=16,
                verbose_name="rôle",
            ),
        ),
        migrations.AlterConstraint(
            model_name="session",
            name="calls_session_dates_in_order",
            constraint=models.CheckConstraint(
                condition=models.Q(("closes_at__gt", models.F("opens_at"))),
                name="calls_session_dates_in_order",
                violation_error_message="La clôture doit suivre l’ouverture.",
            ),
        ),
    ]

"""The apostrophe of French typography in what people read; no column changes."""

import django_fsm
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("applications", "0005_seat_address"),
        ("calls", "0004_typography"),
        ("territories", "0004_typography"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="eligibilityrecord",
            options={
                "ordering": ["application", "evaluated_at", "id"],
                "verbose_name": "verdict d’éligibilité",
                "verbose_name_plural": "verdicts d’éligibilité",
            },
        ),
        migrations.AlterField(
            model_name="access",
            name="effect",
            field=models.CharField(
                choices=[("grant", "accès"), ("deny", "refus d’accès")], max_length=5, verbose_name="effet"
            ),
        ),
        migrations.AlterField(
            model_name="application",
            name="screening_reason",
            field=models.TextField(blank=True, verbose_name="motif d’irrecevabilité"),
        ),
        migrations.AlterField(
            model_name="application",
            name="state",
            field=django_fsm.FSMField(
                choices=[
                    ("draft", "brouillon"),
                    ("submitted", "déposé"),
                    ("completion_requested", "compléments demandés"),
                    ("admissible", "recevable"),
                    ("inadmissible", "irrecevable"),
                    ("awarded", "retenu"),
                    ("refused", "non retenu"),
                    ("waitlisted", "en liste d’attente"),
                    ("redirected", "réorienté"),
                    ("deferred", "ajourné"),
                    ("withdrawn", "retiré"),
                ],
                default="draft",
                max_length=24,
                protected=True,
                verbose_name="état",
            ),
        ),
        migrations.AlterField(
            model_name="application",
            name="sworn_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="attesté sur l’honneur le"),
        ),
        migrations.AlterField(
            model_name="attachment",
            name="kind",
            field=models.CharField(
                choices=[
                    ("deliberation", "délibération ou délégation"),
                    ("bank_details", "relevé d’identité bancaire"),
                    ("sworn_statement", "attestation sur l’honneur"),
                    ("quote", "devis"),
                    ("mandate", "mandat des membres du groupement"),
                    ("other", "autre pièce"),
                ],
                max_length=16,
                verbose_name="nature de la pièce",
            ),
        ),
        migrations.AlterField(
            model_name="beneficiary",
            name="share",
            field=models.DecimalField(decimal_places=2, max_digits=14, verbose_name="part de l’aide"),
        ),
        migrations.AlterField(
            model_name="fundingline",
            name="kind",
            field=models.CharField(
                choices=[
                    ("own", "autofinancement"),
                    ("state", "autre aide de l’État"),
                    ("region", "région"),
                    ("departement", "département"),
                    ("bloc_communal", "commune ou intercommunalité"),
                    ("europe", "fonds européens"),
                    ("other_public", "autre financement public"),
                    ("private", "financement privé"),
                ],
                max_length=16,
                verbose_name="nature",
            ),
        ),
        migrations.AlterConstraint(
            model_name="application",
            name="applications_application_inadmissible_has_reason",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "inadmissible"), _negated=True),
                    models.Q(("screened_at__isnull", False), models.Q(("screening_reason", ""), _negated=True)),
                    _connector="OR",
                ),
                name="applications_application_inadmissible_has_reason",
                violation_error_message="Une décision d’irrecevabilité est motivée.",
            ),
        ),
    ]

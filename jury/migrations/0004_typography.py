"""The apostrophe of French typography in what people read; no column changes."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("applications", "0006_typography"),
        ("calls", "0004_typography"),
        ("jury", "0003_guards"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="assignmentrun",
            options={
                "ordering": ["-computed_at", "id"],
                "verbose_name": "proposition d’affectation",
                "verbose_name_plural": "propositions d’affectation",
            },
        ),
        migrations.AlterField(
            model_name="decision",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("awarded", "retenu"),
                    ("refused", "non retenu"),
                    ("waitlisted", "liste d’attente"),
                    ("redirected", "réorienté vers un autre guichet"),
                    ("deferred", "ajourné"),
                ],
                max_length=12,
                verbose_name="décision",
            ),
        ),
        migrations.AlterField(
            model_name="juror",
            name="expertise",
            field=models.JSONField(blank=True, default=list, verbose_name="thèmes d’expertise"),
        ),
        migrations.AlterField(
            model_name="jury",
            name="selection_rule",
            field=models.CharField(
                choices=[("skip", "on passe au dossier suivant"), ("stop", "on s’arrête au premier qui ne tient pas")],
                default="skip",
                max_length=4,
                verbose_name="règle de sélection",
            ),
        ),
        migrations.AlterField(
            model_name="opinion",
            name="departs_from_merit",
            field=models.BooleanField(default=False, verbose_name="s’écarte de l’ordre des notes"),
        ),
        migrations.AlterField(
            model_name="opinion",
            name="outcome",
            field=models.CharField(
                choices=[
                    ("awarded", "retenu"),
                    ("refused", "non retenu"),
                    ("waitlisted", "liste d’attente"),
                    ("redirected", "réorienté vers un autre guichet"),
                    ("deferred", "ajourné"),
                ],
                max_length=12,
                verbose_name="avis",
            ),
        ),
        migrations.AlterConstraint(
            model_name="opinion",
            name="jury_opinion_departure_has_motive",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("departs_from_merit", False), models.Q(("motive", ""), _negated=True), _connector="OR"
                ),
                name="jury_opinion_departure_has_motive",
                violation_error_message="Un avis qui s’écarte de l’ordre des notes est motivé.",
            ),
        ),
    ]

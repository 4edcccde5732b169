"""The database itself refuses, in rules written once, what no page could read."""

import django.db.models.lookups
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0006_amounts_of_terms_in_order"),
    ]

    operations = [
        AddConstraintNotValid(
            model_name="axisterms",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(
                            models.F("excluded_categories"), function="jsonb_typeof", output_field=models.TextField()
                        ),
                        models.Value("array"),
                    ),
                    (
                        "excluded_categories__contained_by",
                        ["services", "software", "development", "training", "hardware", "staff", "other"],
                    ),
                ),
                name="calls_axisterms_exclusions_known",
                violation_error_message="Les dépenses exclues sont des catégories de dépenses connues.",
            ),
        ),
        AddConstraintNotValid(
            model_name="criterion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(models.F("descriptors"), function="jsonb_typeof", output_field=models.TextField()),
                        models.Value("array"),
                    )
                ),
                name="calls_criterion_descriptors_list",
                violation_error_message="Les descriptions des notes sont une liste de textes.",
            ),
        ),
        AddConstraintNotValid(
            model_name="question",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    django.db.models.lookups.Exact(
                        models.Func(models.F("choices"), function="jsonb_typeof", output_field=models.TextField()),
                        models.Value("array"),
                    ),
                    models.Q(
                        models.Q(("kind", "choice"), models.Q(("choices", []), _negated=True)),
                        models.Q(models.Q(("kind", "choice"), _negated=True), ("choices", [])),
                        _connector="OR",
                    ),
                ),
                name="calls_question_choices_of_a_choice",
                violation_error_message="Un choix unique a des réponses possibles, et lui seul.",
            ),
        ),
        AddConstraintNotValid(
            model_name="question",
            constraint=models.CheckConstraint(
                condition=models.Q(("max_length__gt", 0)),
                name="calls_question_max_length_positive",
                violation_error_message="La longueur maximale est d’au moins un caractère.",
            ),
        ),
        AddConstraintNotValid(
            model_name="scoringgrid",
            constraint=models.CheckConstraint(
                condition=models.Q(("maximum__gt", 0), ("jurors_per_dossier__gt", 0)),
                name="calls_scoringgrid_figures_positive",
                violation_error_message="La note maximale et le nombre de jurés sont d’au moins 1.",
            ),
        ),
        AddConstraintNotValid(
            model_name="scoringgrid",
            constraint=models.CheckConstraint(
                condition=models.Q(("quorum_share__range", (0, 1)), ("third_juror_gap__range", (0, 20))),
                name="calls_scoringgrid_figures_in_range",
                violation_error_message="Le quorum est une part entre 0 et 1, l’écart est entre 0 et 20 points.",
            ),
        ),
    ]

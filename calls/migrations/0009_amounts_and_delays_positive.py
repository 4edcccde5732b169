"""The database itself refuses an amount below zero and a delay of no month; rows already there are left as they are."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0008_words_of_the_administration"),
    ]

    operations = [
        AddConstraintNotValid(
            model_name="axis",
            constraint=models.CheckConstraint(
                condition=models.Q(("announced_amount__isnull", True), ("announced_amount__gt", 0), _connector="OR"),
                name="calls_axis_amount_positive",
                violation_error_message="Le montant annoncé est supérieur à zéro, ou absent.",
            ),
        ),
        AddConstraintNotValid(
            model_name="call",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("announced_amount__isnull", True), ("announced_amount__gt", 0), _connector="OR"),
                    ("two_person_threshold__gte", 0),
                ),
                name="calls_call_amounts_positive",
                violation_error_message="Le montant annoncé est supérieur à zéro, le seuil à deux personnes n’est pas négatif.",
            ),
        ),
        AddConstraintNotValid(
            model_name="call",
            constraint=models.CheckConstraint(
                condition=models.Q(("completeness_months__gte", 1), ("decision_months__gte", 1)),
                name="calls_call_delays_positive",
                violation_error_message="Un délai est d’au moins un mois.",
            ),
        ),
    ]

"""An agreement to remove a second factor lapses. What was executed before this rule stays: it holds for new rows."""

from datetime import timedelta

import django_fsm
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_password_length")]

    operations = [
        migrations.AddField(
            model_name="factorrecovery",
            name="lapsed_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="expirée le"),
        ),
        migrations.AlterField(
            model_name="factorrecovery",
            name="state",
            field=django_fsm.FSMField(
                choices=[
                    ("requested", "demandée"),
                    ("approved_once", "un accord sur deux"),
                    ("approved", "accordée, délai en cours"),
                    ("completed", "exécutée"),
                    ("cancelled", "annulée"),
                    ("lapsed", "expirée"),
                ],
                default="requested",
                max_length=16,
                protected=True,
                verbose_name="état",
            ),
        ),
        migrations.RemoveConstraint(model_name="factorrecovery", name="accounts_factorrecovery_one_open"),
        migrations.AddConstraint(
            model_name="factorrecovery",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state__in", ["completed", "cancelled", "lapsed"]), _negated=True),
                fields=("user",),
                name="accounts_factorrecovery_one_open",
                violation_error_message="Une demande est déjà en cours pour ce compte.",
            ),
        ),
        AddConstraintNotValid(
            model_name="factorrecovery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "completed"), _negated=True),
                    ("completed_at__lt", models.F("effective_from") + timedelta(days=7)),
                    _connector="OR",
                ),
                name="accounts_factorrecovery_not_lapsed",
            ),
        ),
    ]

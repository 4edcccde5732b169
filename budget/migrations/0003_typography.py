"""The apostrophe of French typography in what people read; no column changes."""

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("budget", "0002_ledger_guards"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="awardbalance",
            options={"verbose_name": "solde d’un dossier", "verbose_name_plural": "soldes des dossiers"},
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="counterpart",
            field=models.ForeignKey(
                blank=True,
                help_text="enfant d’une délégation",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="budget.envelope",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="credit_kind",
            field=models.CharField(
                choices=[("AE", "autorisations d’engagement"), ("CP", "crédits de paiement")],
                max_length=2,
                verbose_name="nature de crédits",
            ),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="idempotency_key",
            field=models.CharField(max_length=120, unique=True, verbose_name="clé d’idempotence"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="occurred_at",
            field=models.DateTimeField(verbose_name="date de l’acte"),
        ),
        migrations.AlterField(
            model_name="ledgerentry",
            name="sequence",
            field=models.BigIntegerField(default=0, verbose_name="numéro d’ordre dans l’enveloppe"),
        ),
        migrations.AlterConstraint(
            model_name="balance",
            name="budget_balance_within_allocated",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "allocated__gte",
                        django.db.models.expressions.CombinedExpression(
                            django.db.models.expressions.CombinedExpression(
                                models.F("delegated"), "+", models.F("reserved")
                            ),
                            "+",
                            models.F("committed"),
                        ),
                    )
                ),
                name="budget_balance_within_allocated",
                violation_error_message="L’enveloppe ne suffit pas.",
            ),
        ),
    ]

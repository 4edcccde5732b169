"""A payment knows its call, so that the database holds each reference to one payment of the call."""

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

# Payments are only ever inserted; the owner alone may fill the new column of those already there.
FILL = """
ALTER TABLE conventions_payment DISABLE TRIGGER conventions_payment_append_only;
UPDATE conventions_payment SET call_id = dossier.call_id
    FROM conventions_convention AS convention
    JOIN applications_application AS dossier ON dossier.id = convention.application_id
    WHERE convention.id = conventions_payment.convention_id;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE conventions_payment ENABLE TRIGGER conventions_payment_append_only;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("calls", "0005_mandates_may_be_cancelled"),
        ("conventions", "0006_typography"),
    ]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="call",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="payments", to="calls.call"
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="payment",
            name="call",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="payments", to="calls.call"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                models.F("call"),
                django.db.models.functions.text.Upper("reference"),
                name="conventions_payment_reference_once",
                violation_error_message="Ce numéro est déjà celui d’un autre versement de cet appel.",
            ),
        ),
    ]

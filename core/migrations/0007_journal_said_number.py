"""The journal is searched by the number of a dossier or a convention: one index, built while the site serves."""

import django.db.models.fields.json
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("core", "0006_abandoned_messages")]

    operations = [
        AddIndexConcurrently(
            "journalentry",
            models.Index(
                django.db.models.fields.json.KeyTextTransform("number", "data"),
                name="core_journalentry_said_number",
                condition=models.Q(("data__has_key", "number")),
            ),
        ),
    ]

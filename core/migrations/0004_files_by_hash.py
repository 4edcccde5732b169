"""The public verification looks a file up by its hash: one index, built while the site serves."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("core", "0003_guards")]

    operations = [
        AddIndexConcurrently("storedfile", models.Index(fields=["sha256"], name="core_storedfile_sha256")),
    ]

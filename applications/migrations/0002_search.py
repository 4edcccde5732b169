import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Indexes of the screener's list: newest filed first, and the words of the search."""

    atomic = False
    dependencies = [("applications", "0001_initial")]
    operations = [
        AddIndexConcurrently(
            "application",
            models.Index(
                fields=["-submitted_at", "id"],
                name="applications_submitted",
                condition=models.Q(("submitted_at__isnull", False)),
            ),
        ),
        AddIndexConcurrently(
            "application",
            django.contrib.postgres.indexes.GinIndex(
                django.contrib.postgres.search.SearchVector("search_text", config="simple"),
                name="applications_words",
            ),
        ),
    ]

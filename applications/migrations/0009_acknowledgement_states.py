"""What an acknowledgement states is kept at the filing. The role that serves may only add its file and its sending."""

from django.conf import settings
from django.db import migrations, models

TABLE = "applications_acknowledgement"


def protect(apps, schema_editor):
    role = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {TABLE} FROM {role}")
    schema_editor.execute(f"GRANT UPDATE (file_id, sent_at) ON {TABLE} TO {role}")


def release(apps, schema_editor):
    role = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
    schema_editor.execute(f"GRANT UPDATE, DELETE, TRUNCATE ON {TABLE} TO {role}")


class Migration(migrations.Migration):
    dependencies = [("applications", "0008_numbers_and_clocks")]
    operations = [
        migrations.AddField(
            model_name="acknowledgement",
            name="statement",
            field=models.JSONField(blank=True, default=dict, verbose_name="ce qu’il atteste"),
        ),
        migrations.RunPython(protect, release),
    ]

"""A version of the rules, its terms, questions and grid are never rewritten: a change is a new version."""

from django.conf import settings
from django.db import migrations

TABLES = [
    "calls_rulesversion",
    "calls_axisterms",
    "calls_eligibilityrule",
    "calls_question",
    "calls_scoringgrid",
    "calls_criterion",
]


def protect(apps, schema_editor):
    role = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
    for table in TABLES:
        schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {role}")
        schema_editor.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION core_refuse_change()"
        )


def unprotect(apps, schema_editor):
    role = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
    for table in TABLES:
        schema_editor.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        schema_editor.execute(f"GRANT UPDATE, DELETE, TRUNCATE ON {table} TO {role}")


class Migration(migrations.Migration):
    dependencies = [("calls", "0001_initial"), ("core", "0003_guards")]
    operations = [migrations.RunPython(protect, unprotect)]

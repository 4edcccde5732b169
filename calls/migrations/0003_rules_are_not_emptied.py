"""The owner itself, or a superuser in a hurry, does not empty a table of rules: TRUNCATE escapes triggers of rows."""

from django.db import migrations

TABLES = (
    "calls_rulesversion",
    "calls_axisterms",
    "calls_eligibilityrule",
    "calls_question",
    "calls_scoringgrid",
    "calls_criterion",
)


def protect(apps, schema_editor):
    for table in TABLES:
        schema_editor.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change()"
        )


def unprotect(apps, schema_editor):
    for table in TABLES:
        schema_editor.execute(f"DROP TRIGGER {table}_no_truncate ON {table}")


class Migration(migrations.Migration):
    dependencies = [("calls", "0002_append_only_rules")]

    operations = [migrations.RunPython(protect, unprotect)]

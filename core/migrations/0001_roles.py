"""Rights of the role that serves, before any table exists."""

from django.conf import settings
from django.db import migrations
from psycopg import sql


def grant_defaults(apps, schema_editor):
    role = sql.Identifier(settings.DATABASE_APP_ROLE)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT current_user = %s", [settings.DATABASE_APP_ROLE])
        if cursor.fetchone()[0]:
            raise RuntimeError("The role that serves must not own the tables: set OWNER_DATABASE_URL.")
        for statement in (
            "GRANT USAGE ON SCHEMA public TO {role}",
            "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
            "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
            # The record of migrations exists already.
            "GRANT SELECT ON django_migrations TO {role}",
        ):
            cursor.execute(sql.SQL(statement).format(role=role).as_string(cursor.connection))


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    run_before = [
        ("contenttypes", "0001_initial"),
        ("sessions", "0001_initial"),
        ("dsfr", "0001_initial"),
    ]
    operations = [migrations.RunPython(grant_defaults, migrations.RunPython.noop)]

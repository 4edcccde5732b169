"""What the application role may not do itself: refresh the planner's statistics after a bulk load."""

from django.conf import settings
from django.db import migrations

CREATE = """
CREATE FUNCTION territories_refresh_statistics() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    ANALYZE public.territories_territory;
    ANALYZE public.territories_membership;
    -- Rows inserted in bulk wait in a list that every search would read until it is cleaned.
    PERFORM gin_clean_pending_list('public.territories_name_words'::regclass);
END
$$;
"""


def protect(apps, schema_editor):
    role = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
    schema_editor.execute("REVOKE EXECUTE ON FUNCTION territories_refresh_statistics() FROM PUBLIC")
    schema_editor.execute(f"GRANT EXECUTE ON FUNCTION territories_refresh_statistics() TO {role}")


class Migration(migrations.Migration):
    dependencies = [("territories", "0002_lead_with_vintage")]

    operations = [
        migrations.RunSQL(CREATE, "DROP FUNCTION territories_refresh_statistics();"),
        migrations.RunPython(protect, migrations.RunPython.noop),
    ]

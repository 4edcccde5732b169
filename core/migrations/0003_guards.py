"""Journal chained in the database, series without gaps, rows that the serving role may only insert and read."""

from django.conf import settings
from django.db import migrations

JOURNAL = r"""
-- Each part is written as its length in bytes, a colon, its bytes, a comma: no two rows share a text.
CREATE FUNCTION core_netstring(value text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT octet_length(coalesce(value, ''))::text || ':' || coalesce(value, '') || ',' $$;

CREATE FUNCTION core_journal_text(entry core_journalentry) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, public, pg_temp
    AS $$ SELECT public.core_netstring(entry.chain)
        || public.core_netstring(entry.number::text)
        || public.core_netstring(to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        || public.core_netstring(to_char(entry.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        || public.core_netstring(entry.actor_id::text)
        || public.core_netstring(entry.on_behalf_of_id::text)
        || public.core_netstring(entry.action)
        || public.core_netstring(entry.from_state)
        || public.core_netstring(entry.to_state)
        || public.core_netstring(entry.reason)
        || public.core_netstring(entry.data::text)
        || public.core_netstring(entry.previous_hash) $$;

CREATE FUNCTION core_journal_number() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    last_number bigint;
    last_hash text;
BEGIN
    INSERT INTO public.core_chain (name, head_number, head_hash) VALUES (NEW.chain, 0, '')
        ON CONFLICT (name) DO NOTHING;
    -- Everything below happens while this row is held: the number is drawn inside the lock.
    PERFORM 1 FROM public.core_chain WHERE name = NEW.chain FOR UPDATE;
    SELECT number, hash INTO last_number, last_hash FROM public.core_journalentry
        WHERE chain = NEW.chain ORDER BY number DESC LIMIT 1;
    NEW.number := coalesce(last_number, 0) + 1;
    NEW.previous_hash := coalesce(last_hash, '');
    NEW.recorded_at := clock_timestamp();
    NEW.hash := encode(sha256(convert_to(public.core_journal_text(NEW), 'UTF8')), 'hex');
    RETURN NEW;
END $$;

-- After the row is really there: an INSERT that a conflict discards must not move the head.
CREATE FUNCTION core_journal_head() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    UPDATE public.core_chain SET head_number = NEW.number, head_hash = NEW.hash
        WHERE name = NEW.chain AND head_number < NEW.number;
    RETURN NULL;
END $$;

CREATE TRIGGER core_journal_number BEFORE INSERT ON core_journalentry
    FOR EACH ROW EXECUTE FUNCTION core_journal_number();
CREATE TRIGGER core_journal_head AFTER INSERT ON core_journalentry
    FOR EACH ROW EXECUTE FUNCTION core_journal_head();
"""

SERIES = r"""
CREATE FUNCTION core_take_number(series text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    drawn bigint;
BEGIN
    INSERT INTO public.core_numberseries (code, last) VALUES (series, 1)
        ON CONFLICT (code) DO UPDATE SET last = core_numberseries.last + 1
        RETURNING last INTO drawn;
    RETURN drawn;
END $$;
"""

APPEND_ONLY = r"""
CREATE FUNCTION core_refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed nor removed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
"""

CACHE = """
CREATE TABLE core_cache (cache_key varchar(255) PRIMARY KEY, value text NOT NULL, expires timestamptz NOT NULL);
CREATE INDEX core_cache_expires ON core_cache (expires);
"""

APPEND_ONLY_TABLES = [
    "core_journalentry",
    "core_journalanchor",
    "core_storedfile",
    "core_filescan",
    "core_destructionvisa",
    "core_idempotencyrecord",
]
FUNCTION_ONLY_TABLES = ["core_chain", "core_numberseries"]
TRIGGER_FUNCTIONS = ["core_journal_number", "core_journal_head"]


def protect(apps, schema_editor):
    role = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
    for table in APPEND_ONLY_TABLES:
        schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {role}")
        schema_editor.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION core_refuse_change()"
        )
        schema_editor.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change()"
        )
    for table in FUNCTION_ONLY_TABLES:
        schema_editor.execute(f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {table} FROM {role}")
    # Whoever may execute a trigger function may hang it on a table of their own and have it run as the owner.
    for function in TRIGGER_FUNCTIONS:
        schema_editor.execute(f"REVOKE EXECUTE ON FUNCTION {function}() FROM PUBLIC")
    schema_editor.execute("REVOKE EXECUTE ON FUNCTION core_take_number(text) FROM PUBLIC")
    schema_editor.execute(f"GRANT EXECUTE ON FUNCTION core_take_number(text) TO {role}")


class Migration(migrations.Migration):
    dependencies = [("core", "0002_initial")]
    operations = [
        migrations.RunSQL(CACHE, "DROP TABLE core_cache"),
        migrations.RunSQL(APPEND_ONLY, "DROP FUNCTION core_refuse_change()"),
        migrations.RunSQL(JOURNAL, migrations.RunSQL.noop),
        migrations.RunSQL(SERIES, "DROP FUNCTION core_take_number(text)"),
        migrations.RunPython(protect, migrations.RunPython.noop),
    ]

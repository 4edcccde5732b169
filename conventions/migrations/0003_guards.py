"""What is issued does not change: revisions, payments, reports and texts are only ever inserted; of a convention, only
its state, its dates and its commitment move, each once."""

from django.conf import settings
from django.db import migrations

GUARD = r"""
CREATE FUNCTION conventions_guard_convention() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF (NEW.id, NEW.number, NEW.verification_code, NEW.application_id, NEW.decision_id, NEW.batch_id, NEW.template_id,
        NEW.reservation_id, NEW.amount, NEW.data, NEW.created_at)
       IS DISTINCT FROM
       (OLD.id, OLD.number, OLD.verification_code, OLD.application_id, OLD.decision_id, OLD.batch_id, OLD.template_id,
        OLD.reservation_id, OLD.amount, OLD.data, OLD.created_at) THEN
        RAISE EXCEPTION 'the facts of a convention are frozen' USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.sealed_at IS NOT NULL AND NEW.sealed_at IS DISTINCT FROM OLD.sealed_at)
       OR (OLD.beneficiary_signed_at IS NOT NULL AND NEW.beneficiary_signed_at IS DISTINCT FROM OLD.beneficiary_signed_at)
       OR (OLD.signed_at IS NOT NULL AND NEW.signed_at IS DISTINCT FROM OLD.signed_at)
       OR (OLD.commitment_id IS NOT NULL AND NEW.commitment_id IS DISTINCT FROM OLD.commitment_id)
       OR (OLD.commitment_number <> '' AND NEW.commitment_number <> OLD.commitment_number) THEN
        RAISE EXCEPTION 'an act on a convention is not undone' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
        ('pending', 'sealed'), ('sealed', 'beneficiary_signed'), ('beneficiary_signed', 'signed'), ('signed', 'paid')
    ) THEN
        RAISE EXCEPTION 'a convention does not go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER conventions_guard_convention BEFORE UPDATE ON conventions_convention
    FOR EACH ROW EXECUTE FUNCTION conventions_guard_convention();

CREATE FUNCTION conventions_guard_revision() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    last_kind text;
    last_sha256 text;
BEGIN
    -- One writer at a time per convention, so that each revision continues the one before.
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.convention_id::text, 13));
    SELECT kind, sha256 INTO last_kind, last_sha256 FROM public.conventions_revision
        WHERE convention_id = NEW.convention_id ORDER BY id DESC LIMIT 1;
    IF (coalesce(last_kind, ''), NEW.kind) NOT IN (
        ('', 'rendered'), ('rendered', 'sealed'), ('sealed', 'beneficiary'), ('beneficiary', 'state')
    ) OR (NEW.kind <> 'rendered' AND NEW.base_sha256 <> last_sha256) THEN
        RAISE EXCEPTION 'a revision continues the one before' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER conventions_guard_revision BEFORE INSERT ON conventions_revision
    FOR EACH ROW EXECUTE FUNCTION conventions_guard_revision();
"""

UNDO = """
DROP TRIGGER conventions_guard_revision ON conventions_revision;
DROP TRIGGER conventions_guard_convention ON conventions_convention;
DROP FUNCTION conventions_guard_revision();
DROP FUNCTION conventions_guard_convention();
"""

APPEND_ONLY = (
    "conventions_revision",
    "conventions_payment",
    "conventions_report",
    "conventions_conventiontemplate",
    "conventions_templatearticle",
)
KEPT = ("conventions_convention", "conventions_signing", "conventions_batch", "conventions_repayment")


def protect(apps, schema_editor):
    role = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
    for table in APPEND_ONLY:
        schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {role}")
        schema_editor.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION core_refuse_change()"
        )
    for table in KEPT:
        schema_editor.execute(f"REVOKE DELETE, TRUNCATE ON {table} FROM {role}")


def unprotect(apps, schema_editor):
    role = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
    for table in APPEND_ONLY:
        schema_editor.execute(f"DROP TRIGGER {table}_append_only ON {table}")
        schema_editor.execute(f"GRANT UPDATE, DELETE, TRUNCATE ON {table} TO {role}")
    for table in KEPT:
        schema_editor.execute(f"GRANT DELETE, TRUNCATE ON {table} TO {role}")


class Migration(migrations.Migration):
    dependencies = [("conventions", "0002_initial"), ("core", "0003_guards")]
    operations = [
        migrations.RunSQL(GUARD, UNDO),
        migrations.RunPython(protect, unprotect),
    ]

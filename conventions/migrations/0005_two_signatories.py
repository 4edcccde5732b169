"""A contract is between two: the revision of the State is not signed by whoever signed that of the beneficiary."""

from django.db import migrations

GUARD = r"""
CREATE FUNCTION conventions_guard_signatories() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM public.conventions_revision
        WHERE convention_id = NEW.convention_id AND kind = 'beneficiary' AND signed_by_id = NEW.signed_by_id
    ) THEN
        RAISE EXCEPTION 'one person does not sign for both parties' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
-- After « conventions_guard_revision », which holds the lock of the convention's revisions.
CREATE TRIGGER conventions_guard_signatories BEFORE INSERT ON conventions_revision
    FOR EACH ROW WHEN (NEW.kind = 'state') EXECUTE FUNCTION conventions_guard_signatories();
"""

UNDO = """
DROP TRIGGER conventions_guard_signatories ON conventions_revision;
DROP FUNCTION conventions_guard_signatories();
"""


class Migration(migrations.Migration):
    dependencies = [("conventions", "0004_report_and_repayment_steps")]
    operations = [migrations.RunSQL(GUARD, UNDO)]

"""What the jury said does not change: submitted marks, closed deliberations, recusals, released lists."""

from django.conf import settings
from django.db import migrations

GUARDS = r"""
CREATE FUNCTION jury_guard_score() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    found text;
BEGIN
    SELECT state INTO found FROM public.jury_evaluation
        WHERE id = CASE WHEN TG_OP = 'DELETE' THEN OLD.evaluation_id ELSE NEW.evaluation_id END;
    IF found IN ('submitted', 'withdrawn') THEN
        RAISE EXCEPTION 'marks of a % evaluation do not change', found USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.evaluation_id <> OLD.evaluation_id THEN
        RAISE EXCEPTION 'a mark stays with its evaluation' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER jury_guard_score BEFORE INSERT OR UPDATE OR DELETE ON jury_score
    FOR EACH ROW EXECUTE FUNCTION jury_guard_score();

CREATE FUNCTION jury_guard_evaluation() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF NEW.juror_id <> OLD.juror_id OR NEW.application_id <> OLD.application_id THEN
        RAISE EXCEPTION 'an evaluation stays with its juror and dossier' USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'submitted' AND NEW.state <> 'withdrawn' AND (
        NEW.state <> 'submitted' OR NEW.total IS DISTINCT FROM OLD.total OR NEW.comment <> OLD.comment
        OR NEW.submitted_at IS DISTINCT FROM OLD.submitted_at
    ) THEN
        RAISE EXCEPTION 'a submitted evaluation does not change' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER jury_guard_evaluation BEFORE UPDATE ON jury_evaluation
    FOR EACH ROW EXECUTE FUNCTION jury_guard_evaluation();

CREATE FUNCTION jury_guard_deliberation() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    -- Once closed, only the file of the minutes may still be attached, and once.
    IF OLD.state = 'closed' AND NOT (
        OLD.minutes_file_id IS NULL
        AND (to_jsonb(NEW) - 'minutes_file_id') = (to_jsonb(OLD) - 'minutes_file_id')
    ) THEN
        RAISE EXCEPTION 'a closed deliberation does not change' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER jury_guard_deliberation BEFORE UPDATE ON jury_deliberation
    FOR EACH ROW EXECUTE FUNCTION jury_guard_deliberation();

CREATE FUNCTION jury_guard_record() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    found text;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        SELECT state INTO found FROM public.jury_deliberation WHERE id = OLD.deliberation_id;
    END IF;
    IF TG_OP <> 'DELETE' AND found IS DISTINCT FROM 'closed' THEN
        SELECT state INTO found FROM public.jury_deliberation WHERE id = NEW.deliberation_id;
    END IF;
    IF found = 'closed' THEN
        RAISE EXCEPTION 'the record of a closed deliberation does not change' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER jury_guard_opinion BEFORE INSERT OR UPDATE OR DELETE ON jury_opinion
    FOR EACH ROW EXECUTE FUNCTION jury_guard_record();
CREATE TRIGGER jury_guard_attendance BEFORE INSERT OR UPDATE OR DELETE ON jury_attendancerow
    FOR EACH ROW EXECUTE FUNCTION jury_guard_record();

CREATE FUNCTION jury_guard_decision() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    found text;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        SELECT state INTO found FROM public.jury_decisionlist WHERE id = OLD.decision_list_id;
    END IF;
    IF TG_OP <> 'DELETE' AND coalesce(found, 'preparing') = 'preparing' THEN
        SELECT state INTO found FROM public.jury_decisionlist WHERE id = NEW.decision_list_id;
    END IF;
    IF found <> 'preparing' THEN
        RAISE EXCEPTION 'decisions of a % list do not change', found USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER jury_guard_decision BEFORE INSERT OR UPDATE OR DELETE ON jury_decision
    FOR EACH ROW EXECUTE FUNCTION jury_guard_decision();

CREATE FUNCTION jury_guard_list() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF OLD.state IN ('released', 'cancelled') THEN
        RAISE EXCEPTION 'a % list does not change', OLD.state USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER jury_guard_list BEFORE UPDATE ON jury_decisionlist
    FOR EACH ROW EXECUTE FUNCTION jury_guard_list();
"""

UNDO = """
DROP TRIGGER jury_guard_list ON jury_decisionlist;
DROP TRIGGER jury_guard_decision ON jury_decision;
DROP TRIGGER jury_guard_attendance ON jury_attendancerow;
DROP TRIGGER jury_guard_opinion ON jury_opinion;
DROP TRIGGER jury_guard_deliberation ON jury_deliberation;
DROP TRIGGER jury_guard_evaluation ON jury_evaluation;
DROP TRIGGER jury_guard_score ON jury_score;
DROP FUNCTION jury_guard_list();
DROP FUNCTION jury_guard_decision();
DROP FUNCTION jury_guard_record();
DROP FUNCTION jury_guard_deliberation();
DROP FUNCTION jury_guard_evaluation();
DROP FUNCTION jury_guard_score();
"""

TRIGGER_FUNCTIONS = ["jury_guard_score", "jury_guard_record", "jury_guard_decision"]
KEPT = ["jury_evaluation", "jury_deliberation", "jury_decisionlist", "jury_assignmentrun"]


def protect(apps, schema_editor):
    role = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
    schema_editor.execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON jury_recusal FROM {role}")
    for table in KEPT:
        schema_editor.execute(f"REVOKE DELETE, TRUNCATE ON {table} FROM {role}")
    for table in ("jury_score", "jury_opinion", "jury_attendancerow", "jury_decision"):
        schema_editor.execute(f"REVOKE TRUNCATE ON {table} FROM {role}")
    # Nobody else hangs on a table of their own what runs as the owner.
    for function in TRIGGER_FUNCTIONS:
        schema_editor.execute(f"REVOKE EXECUTE ON FUNCTION {function}() FROM PUBLIC")


def unprotect(apps, schema_editor):
    role = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
    for table in ["jury_recusal", *KEPT, "jury_score", "jury_opinion", "jury_attendancerow", "jury_decision"]:
        schema_editor.execute(f"GRANT UPDATE, DELETE, TRUNCATE ON {table} TO {role}")


class Migration(migrations.Migration):
    dependencies = [("jury", "0002_published_rule_and_casting_vote")]

    operations = [migrations.RunSQL(GUARDS, UNDO), migrations.RunPython(protect, unprotect)]

"""The ledger guards itself: numbering, hashing, balances and refusals are plain SQL, run as the owner.

Two triggers on the ledger. BEFORE each row: lock the balances, refuse what has no sense, number, hash. AFTER each row:
move the balances or refuse for want of money, then write the journal. Moving happens AFTER so that a row discarded
by ON CONFLICT DO NOTHING moves nothing. Order of locks, everywhere: balances by id, payment credits, award, chain.
"""

from django.conf import settings
from django.db import migrations

TEXT = r"""
-- The exact text whose SHA-256 is row_hash. budget/verification.py writes the same in Python, on purpose: whoever
-- replaces this function does not replace the verification.
CREATE FUNCTION budget_ledger_text(entry budget_ledgerentry) RETURNS text
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, public, pg_temp
    AS $$ SELECT public.core_netstring(entry.id::text)
        || public.core_netstring(entry.sequence::text)
        || public.core_netstring(entry.envelope_id::text)
        || public.core_netstring(entry.counterpart_id::text)
        || public.core_netstring(entry.movement)
        || public.core_netstring(entry.credit_kind)
        || public.core_netstring(entry.year::text)
        || public.core_netstring(entry.amount::text)
        || public.core_netstring(entry.application_id::text)
        || public.core_netstring(entry.reverses_id::text)
        || public.core_netstring(entry.reference)
        || public.core_netstring(entry.reason)
        || public.core_netstring(entry.idempotency_key)
        || public.core_netstring(to_char(entry.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        || public.core_netstring(to_char(entry.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
        || public.core_netstring(entry.actor_id::text) $$;

CREATE FUNCTION budget_root(envelope bigint) RETURNS bigint
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, public, pg_temp
    AS $$ WITH RECURSIVE up AS (
            SELECT id, parent_id FROM public.budget_envelope WHERE id = envelope
            UNION ALL
            SELECT e.id, e.parent_id FROM public.budget_envelope e JOIN up ON e.id = up.parent_id
        ) SELECT id FROM up WHERE parent_id IS NULL $$;

-- Every refusal is a check_violation that names a rule and gives its figures as JSON in DETAIL.
CREATE FUNCTION budget_refuse(rule text, message text, detail jsonb) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    RAISE EXCEPTION '%', message
        USING ERRCODE = 'check_violation', CONSTRAINT = rule, DETAIL = detail::text, TABLE = 'budget_ledgerentry';
END $$;

-- The role that serves may not lock balances itself: this lends it the lock, in id order, and nothing more.
CREATE FUNCTION budget_lock_balances(envelopes bigint[]) RETURNS SETOF budget_balance
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    RETURN QUERY SELECT b.* FROM public.budget_balance b
        WHERE b.envelope_id = ANY (envelopes) ORDER BY b.envelope_id FOR UPDATE;
END $$;
"""

NUMBER = r"""
CREATE FUNCTION budget_ledger_number() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    envelope public.budget_envelope;
    origin public.budget_ledgerentry;
    is_award boolean := NEW.movement IN ('reserve', 'commit', 'pay', 'repay');
    where_at jsonb := jsonb_build_object('envelope', NEW.envelope_id, 'movement', NEW.movement,
                                         'asked', NEW.amount::text);
BEGIN
    IF TG_RELID <> 'public.budget_ledgerentry'::regclass THEN
        RAISE EXCEPTION 'this trigger belongs to the ledger' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM 1 FROM public.budget_lock_balances(ARRAY[NEW.envelope_id, NEW.counterpart_id]);
    SELECT * INTO envelope FROM public.budget_envelope WHERE id = NEW.envelope_id;
    IF envelope.id IS NULL THEN
        PERFORM public.budget_refuse('budget_ledger_envelope', 'unknown envelope', where_at);
    END IF;
    IF NEW.amount = 'NaN' OR NEW.idempotency_key = '' THEN
        PERFORM public.budget_refuse('budget_ledger_malformed', 'amount or idempotency key missing', where_at);
    END IF;
    IF NEW.movement NOT IN ('allocate', 'delegate', 'reserve', 'commit', 'pay', 'repay')
        OR NEW.credit_kind NOT IN ('AE', 'CP')
        OR (NEW.movement IN ('delegate', 'reserve', 'commit') AND NEW.credit_kind <> 'AE')
        OR (NEW.movement IN ('pay', 'repay') AND NEW.credit_kind <> 'CP')
        OR (NEW.counterpart_id IS NOT NULL) <> (NEW.movement = 'delegate')
        OR (NEW.application_id IS NOT NULL) <> is_award THEN
        PERFORM public.budget_refuse('budget_ledger_malformed', 'movement and its fields disagree', where_at);
    END IF;
    IF NEW.movement = 'allocate' AND envelope.parent_id IS NOT NULL THEN
        PERFORM public.budget_refuse('budget_ledger_root_only', 'money is opened on a root', where_at);
    END IF;
    IF NEW.movement = 'delegate' AND NOT EXISTS (
        SELECT 1 FROM public.budget_envelope WHERE id = NEW.counterpart_id AND parent_id = NEW.envelope_id) THEN
        PERFORM public.budget_refuse('budget_ledger_child_only', 'money is delegated to a child', where_at);
    END IF;
    IF is_award AND EXISTS (SELECT 1 FROM public.budget_envelope WHERE parent_id = NEW.envelope_id) THEN
        PERFORM public.budget_refuse('budget_ledger_leaf_only', 'awards touch leaves only', where_at);
    END IF;
    IF is_award AND NOT EXISTS (
        SELECT 1 FROM public.applications_application WHERE id = NEW.application_id AND call_id = envelope.call_id) THEN
        PERFORM public.budget_refuse('budget_ledger_same_call', 'the dossier is of another call', where_at);
    END IF;
    IF NEW.reverses_id IS NOT NULL THEN
        SELECT * INTO origin FROM public.budget_ledgerentry WHERE id = NEW.reverses_id;
        IF origin.id IS NULL OR origin.reverses_id IS NOT NULL
            OR (origin.movement, origin.credit_kind, origin.year, origin.envelope_id)
                IS DISTINCT FROM (NEW.movement, NEW.credit_kind, NEW.year, NEW.envelope_id)
            OR (origin.counterpart_id, origin.application_id)
                IS DISTINCT FROM (NEW.counterpart_id, NEW.application_id) THEN
            PERFORM public.budget_refuse('budget_ledger_reversal_mirrors', 'a reversal mirrors its origin', where_at);
        END IF;
    END IF;
    -- The lock is held: rows of other transactions are committed, rows of this statement are visible here.
    SELECT coalesce(max(sequence), 0) + 1 INTO NEW.sequence
        FROM public.budget_ledgerentry WHERE envelope_id = NEW.envelope_id;
    NEW.recorded_at := clock_timestamp();
    NEW.row_hash := encode(sha256(convert_to(public.budget_ledger_text(NEW), 'UTF8')), 'hex');
    RETURN NEW;
END $$;

CREATE TRIGGER budget_ledger_number BEFORE INSERT ON budget_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION budget_ledger_number();
"""

APPLY = r"""
-- Moves the balance of one dossier; refuses to touch another envelope than the one that holds its award.
CREATE FUNCTION budget_move_award(entry budget_ledgerentry, d_reserved numeric, d_committed numeric, d_paid numeric)
    RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    award public.budget_awardbalance;
    figures jsonb;
BEGIN
    INSERT INTO public.budget_awardbalance (application_id, envelope_id, reserved, committed, paid)
        VALUES (entry.application_id, entry.envelope_id, 0, 0, 0) ON CONFLICT (application_id) DO NOTHING;
    SELECT * INTO award FROM public.budget_awardbalance WHERE application_id = entry.application_id FOR UPDATE;
    figures := jsonb_build_object('envelope', entry.envelope_id, 'application', entry.application_id,
        'movement', entry.movement, 'asked', entry.amount::text, 'award_envelope', award.envelope_id,
        'reserved', award.reserved::text, 'committed', award.committed::text, 'paid', award.paid::text);
    IF award.envelope_id <> entry.envelope_id
        AND NOT (award.reserved = 0 AND award.committed = 0 AND award.paid = 0 AND entry.movement = 'reserve') THEN
        PERFORM public.budget_refuse('budget_award_one_envelope', 'the award is held by another envelope', figures);
    END IF;
    IF award.reserved + d_reserved < 0 THEN
        PERFORM public.budget_refuse('budget_award_within_reserved', 'more than is reserved for the dossier', figures);
    END IF;
    IF award.paid + d_paid < 0 THEN
        PERFORM public.budget_refuse('budget_award_within_paid', 'more than was paid to the dossier', figures);
    END IF;
    IF award.committed + d_committed < award.paid + d_paid THEN
        PERFORM public.budget_refuse('budget_award_within_committed', 'more than is committed for the dossier', figures);
    END IF;
    UPDATE public.budget_awardbalance SET envelope_id = entry.envelope_id,
            reserved = reserved + d_reserved, committed = committed + d_committed, paid = paid + d_paid
        WHERE application_id = entry.application_id;
END $$;

CREATE FUNCTION budget_move_credits(entry budget_ledgerentry, d_opened numeric, d_paid numeric) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    root bigint := public.budget_root(entry.envelope_id);
    credit public.budget_paymentcredit;
BEGIN
    IF d_opened <> 0 THEN
        INSERT INTO public.budget_paymentcredit (envelope_id, year, opened, paid)
            VALUES (root, entry.year, 0, 0) ON CONFLICT (envelope_id, year) DO NOTHING;
    END IF;
    SELECT * INTO credit FROM public.budget_paymentcredit WHERE envelope_id = root AND year = entry.year FOR UPDATE;
    IF credit.id IS NULL OR credit.opened + d_opened < credit.paid + d_paid THEN
        PERFORM public.budget_refuse('budget_paymentcredit_within_opened', 'not enough credits of payment',
            jsonb_build_object('envelope', entry.envelope_id, 'root', root, 'year', entry.year,
                'left', (coalesce(credit.opened, 0) - coalesce(credit.paid, 0))::numeric(14, 2)::text,
                'asked', entry.amount::text, 'movement', entry.movement));
    END IF;
    UPDATE public.budget_paymentcredit SET opened = opened + d_opened, paid = paid + d_paid WHERE id = credit.id;
END $$;

-- Moves the balance of one envelope or says how much is left there.
CREATE FUNCTION budget_move_envelope(entry budget_ledgerentry, target bigint, d_allocated numeric, d_delegated numeric,
                                     d_reserved numeric, d_committed numeric, d_paid numeric) RETURNS void
    LANGUAGE plpgsql
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    held public.budget_balance;
    available numeric;
BEGIN
    SELECT * INTO held FROM public.budget_balance WHERE envelope_id = target FOR UPDATE;
    available := held.allocated - held.delegated - held.reserved - held.committed;
    IF held.envelope_id IS NULL OR available + d_allocated - d_delegated - d_reserved - d_committed < 0 THEN
        PERFORM public.budget_refuse('budget_balance_within_allocated', 'not enough money left in the envelope',
            jsonb_build_object('envelope', target, 'left', available::text, 'asked', abs(entry.amount)::text,
                'movement', entry.movement));
    END IF;
    UPDATE public.budget_balance SET allocated = allocated + d_allocated, delegated = delegated + d_delegated,
            reserved = reserved + d_reserved, committed = committed + d_committed, paid = paid + d_paid,
            last_sequence = CASE WHEN target = entry.envelope_id THEN greatest(last_sequence, entry.sequence)
                                 ELSE last_sequence END
        WHERE envelope_id = target;
END $$;

CREATE FUNCTION budget_ledger_apply() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    a numeric := NEW.amount;
    remains numeric;
BEGIN
    IF TG_RELID <> 'public.budget_ledgerentry'::regclass THEN
        RAISE EXCEPTION 'this trigger belongs to the ledger' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.reverses_id IS NOT NULL THEN
        SELECT sum(amount) INTO remains FROM public.budget_ledgerentry
            WHERE id = NEW.reverses_id OR reverses_id = NEW.reverses_id;
        IF remains < 0 THEN
            PERFORM public.budget_refuse('budget_ledger_reversal_within_origin', 'more than the origin is reversed',
                jsonb_build_object('envelope', NEW.envelope_id, 'origin', NEW.reverses_id, 'movement', NEW.movement,
                    'left', (remains - a)::text, 'asked', (-a)::text));
        END IF;
    END IF;
    -- Balances first (already locked), then credits, then the award: the same order everywhere.
    CASE NEW.movement
        WHEN 'allocate' THEN
            IF NEW.credit_kind = 'AE' THEN
                PERFORM public.budget_move_envelope(NEW, NEW.envelope_id, a, 0, 0, 0, 0);
            ELSE
                PERFORM public.budget_move_envelope(NEW, NEW.envelope_id, 0, 0, 0, 0, 0);
                PERFORM public.budget_move_credits(NEW, a, 0);
            END IF;
        WHEN 'delegate' THEN
            PERFORM public.budget_move_envelope(NEW, NEW.envelope_id, 0, a, 0, 0, 0);
            PERFORM public.budget_move_envelope(NEW, NEW.counterpart_id, a, 0, 0, 0, 0);
        WHEN 'reserve' THEN
            PERFORM public.budget_move_award(NEW, a, 0, 0);
            PERFORM public.budget_move_envelope(NEW, NEW.envelope_id, 0, 0, a, 0, 0);
        WHEN 'commit' THEN
            PERFORM public.budget_move_award(NEW, -a, a, 0);
            PERFORM public.budget_move_envelope(NEW, NEW.envelope_id, 0, 0, -a, a, 0);
        WHEN 'pay' THEN
            PERFORM public.budget_move_credits(NEW, 0, a);
            PERFORM public.budget_move_award(NEW, 0, 0, a);
            PERFORM public.budget_move_envelope(NEW, NEW.envelope_id, 0, 0, 0, 0, a);
        WHEN 'repay' THEN
            -- Money that comes back does not reopen the credits of the year in which it was paid.
            PERFORM public.budget_move_award(NEW, 0, 0, -a);
            PERFORM public.budget_move_envelope(NEW, NEW.envelope_id, 0, 0, 0, 0, -a);
    END CASE;
    INSERT INTO public.core_journalentry (chain, number, at, actor_id, action, from_state, to_state, reason, data,
                                          previous_hash, hash)
        VALUES ('envelope:' || NEW.envelope_id, 0, NEW.occurred_at, NEW.actor_id, 'ledger.' || NEW.movement, '', '',
            NEW.reason, jsonb_build_object('entry', NEW.id, 'sequence', NEW.sequence, 'amount', NEW.amount::text,
                'credit_kind', NEW.credit_kind, 'application', NEW.application_id, 'row_hash', NEW.row_hash), '', '');
    RETURN NULL;
END $$;

CREATE TRIGGER budget_ledger_apply AFTER INSERT ON budget_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION budget_ledger_apply();
"""

ENVELOPES = r"""
CREATE FUNCTION budget_envelope_place() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    figures jsonb := jsonb_build_object('code', NEW.code, 'parent', NEW.parent_id);
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.id, NEW.call_id) <> (OLD.id, OLD.call_id) OR NEW.parent_id IS DISTINCT FROM OLD.parent_id THEN
            PERFORM public.budget_refuse('budget_envelope_stays', 'an envelope keeps its place in the tree', figures);
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.parent_id IS NOT NULL THEN
        PERFORM 1 FROM public.budget_lock_balances(ARRAY[NEW.parent_id]);
        IF NOT EXISTS (SELECT 1 FROM public.budget_envelope WHERE id = NEW.parent_id AND call_id = NEW.call_id) THEN
            PERFORM public.budget_refuse('budget_envelope_same_call', 'the parent is of the same call', figures);
        END IF;
        -- Awards touch leaves only: an envelope that ever held one stays a leaf.
        IF EXISTS (SELECT 1 FROM public.budget_ledgerentry
                   WHERE envelope_id = NEW.parent_id AND application_id IS NOT NULL) THEN
            PERFORM public.budget_refuse('budget_ledger_leaf_only', 'the parent holds awards', figures);
        END IF;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION budget_envelope_balance() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    IF TG_RELID <> 'public.budget_envelope'::regclass THEN
        RAISE EXCEPTION 'this trigger belongs to the envelopes' USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO public.budget_balance (envelope_id, allocated, delegated, reserved, committed, paid, last_sequence)
        VALUES (NEW.id, 0, 0, 0, 0, 0, 0);
    RETURN NULL;
END $$;

CREATE TRIGGER budget_envelope_place BEFORE INSERT OR UPDATE ON budget_envelope
    FOR EACH ROW EXECUTE FUNCTION budget_envelope_place();
CREATE TRIGGER budget_envelope_balance AFTER INSERT ON budget_envelope
    FOR EACH ROW EXECUTE FUNCTION budget_envelope_balance();

-- Balances move only from within a trigger of the ledger or the envelopes, whoever asks.
CREATE FUNCTION budget_refuse_direct() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'rows of % are written by the ledger alone', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END $$;

-- A journal row that speaks for the ledger is written by the ledger's trigger, which runs as the owner.
CREATE FUNCTION budget_journal_is_ours() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF current_user <> (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = TG_RELID) THEN
        RAISE EXCEPTION 'only the ledger writes %', NEW.action USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER budget_journal_is_ours BEFORE INSERT ON core_journalentry
    FOR EACH ROW WHEN (NEW.action LIKE 'ledger.%') EXECUTE FUNCTION budget_journal_is_ours();
"""

BALANCE_TABLES = ["budget_balance", "budget_awardbalance", "budget_paymentcredit"]
TRIGGER_FUNCTIONS = [
    "budget_ledger_number",
    "budget_ledger_apply",
    "budget_envelope_place",
    "budget_envelope_balance",
    "budget_refuse_direct",
    "budget_journal_is_ours",
]


def protect(apps, schema_editor):
    role = schema_editor.quote_name(settings.DATABASE_APP_ROLE)
    execute = schema_editor.execute
    execute(f"REVOKE UPDATE, DELETE, TRUNCATE ON budget_ledgerentry FROM {role}")
    execute(f"REVOKE DELETE, TRUNCATE ON budget_envelope FROM {role}")
    execute(
        "CREATE TRIGGER budget_ledgerentry_append_only BEFORE UPDATE OR DELETE ON budget_ledgerentry "
        "FOR EACH ROW EXECUTE FUNCTION core_refuse_change()"
    )
    for table in BALANCE_TABLES:
        execute(f"REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON {table} FROM {role}")
        execute(
            f"CREATE TRIGGER {table}_from_ledger BEFORE INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION budget_refuse_direct()"
        )
    for table in [*BALANCE_TABLES, "budget_ledgerentry"]:
        execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION core_refuse_change()"
        )
    # Whoever may execute a trigger function may hang it on a table of their own and have it run as the owner.
    for function in TRIGGER_FUNCTIONS:
        execute(f"REVOKE EXECUTE ON FUNCTION {function}() FROM PUBLIC")
    execute("REVOKE EXECUTE ON FUNCTION budget_lock_balances(bigint[]) FROM PUBLIC")
    execute(f"GRANT EXECUTE ON FUNCTION budget_lock_balances(bigint[]) TO {role}")


class Migration(migrations.Migration):
    dependencies = [("budget", "0001_initial"), ("core", "0003_guards"), ("applications", "0001_initial")]
    operations = [
        migrations.RunSQL(TEXT, migrations.RunSQL.noop),
        migrations.RunSQL(NUMBER, migrations.RunSQL.noop),
        migrations.RunSQL(APPLY, migrations.RunSQL.noop),
        migrations.RunSQL(ENVELOPES, migrations.RunSQL.noop),
        migrations.RunPython(protect, migrations.RunPython.noop),
    ]

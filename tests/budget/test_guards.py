"""Every way to write money is refused above what is there, and nothing switches the guards off."""

from decimal import Decimal as D
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, ProgrammingError, connection, transaction

from budget import services
from budget.models import AwardBalance, Balance, Envelope, LedgerEntry, PaymentCredit
from core.errors import Refused
from core.models import JournalEntry
from tests.factories.budget import AT, Tree, make_key

COLUMNS = (
    "id, sequence, envelope_id, movement, credit_kind, year, amount, application_id, reverses_id, reference, reason, "
    "idempotency_key, occurred_at, row_hash"
)

INSERTED = [
    "pk",
    "envelope_id",
    "movement",
    "credit_kind",
    "year",
    "amount",
    "application_id",
    "idempotency_key",
    "occurred_at",
]


def snapshot():
    """Everything that holds money, to compare before and after."""
    models = (LedgerEntry, Balance, AwardBalance, PaymentCredit, JournalEntry)
    return [sorted(map(str, model.objects.values_list())) for model in models]


def entry(tree, dossier, euros, **fields):
    values = {"movement": "reserve", "credit_kind": "AE", "year": 2021, "occurred_at": AT}
    values |= {"envelope": tree.leaf, "application": dossier, "amount": D(euros), "idempotency_key": make_key()}
    return LedgerEntry(**{**values, **fields})


def row(tree, application, amount):
    return [
        str(uuid4()),
        0,
        tree.leaf.pk,
        "reserve",
        "AE",
        2021,
        amount,
        application.pk,
        None,
        "",
        "",
        make_key(),
        AT,
        "",
    ]


def execute(statement, parameters=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def by_service(tree, application, amount):
    values = {"at": AT, "actor": None, "key": make_key()}
    services.reserve(application=application, amount=D(amount), **values)


def by_save(tree, application, amount):
    entry(tree, application, amount).save()


def by_bulk_create(tree, application, amount):
    LedgerEntry.objects.bulk_create([entry(tree, application, "0.01"), entry(tree, application, amount)])


def by_bulk_create_ignoring_conflicts(tree, application, amount):
    LedgerEntry.objects.bulk_create([entry(tree, application, amount)], ignore_conflicts=True)


def by_two_halves_in_one_statement(tree, application, amount):
    half = D(amount) / 2
    LedgerEntry.objects.bulk_create([entry(tree, application, half), entry(tree, application, half)])


def by_sql(tree, application, amount):
    values = row(tree, application, amount)
    execute(f"INSERT INTO budget_ledgerentry ({COLUMNS}) VALUES ({', '.join(['%s'] * len(values))})", values)


def by_sql_on_conflict(tree, application, amount):
    values = row(tree, application, amount)
    marks = ", ".join(["%s"] * len(values))
    execute(f"INSERT INTO budget_ledgerentry ({COLUMNS}) VALUES ({marks}) ON CONFLICT DO NOTHING", values)


def by_sql_under_repeatable_read(tree, application, amount):
    execute("SET LOCAL enable_seqscan = off")
    by_sql(tree, application, amount)


def by_sql_with_session_variables(tree, application, amount):
    for name in ("pgtrigger.ignore", "guichet.ignore", "budget.bypass", "app.bypass_triggers"):
        execute("SELECT set_config(%s, 'budget_ledgerentry:all', false)", [name])
    execute("SET check_function_bodies = off")
    execute("SET row_security = off")
    execute("SET search_path = pg_temp, public")
    by_sql(tree, application, amount)


def by_shadowed_table(tree, application, amount):
    execute("CREATE TEMP TABLE budget_balance (LIKE public.budget_balance)")
    execute("INSERT INTO pg_temp.budget_balance SELECT envelope_id, 1e9, 0, 0, 0, 0, 0 FROM public.budget_balance")
    by_sql(tree, application, amount)


def by_copy(tree, application, amount):
    with connection.cursor() as cursor, cursor.copy(f"COPY budget_ledgerentry ({COLUMNS}) FROM STDIN") as copy:
        copy.write_row(row(tree, application, amount))


WAYS = [
    by_service,
    by_save,
    by_bulk_create,
    by_bulk_create_ignoring_conflicts,
    by_two_halves_in_one_statement,
    by_sql,
    by_sql_on_conflict,
    by_sql_under_repeatable_read,
    by_sql_with_session_variables,
    by_shadowed_table,
    by_copy,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_award_above_what_is_left_is_refused_whatever_the_way(db, way):
    tree = Tree("1000.00")
    application = tree.application()
    before = snapshot()
    with pytest.raises((Refused, IntegrityError, psycopg.errors.CheckViolation)), transaction.atomic():
        way(tree, application, "1000.02")
    assert snapshot() == before


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_award_of_what_is_left_passes_whatever_the_way(db, way):
    """The same ways, a cent lower: the refusals above are for want of money, not for want of syntax."""
    tree = Tree("1000.02")
    with transaction.atomic():
        way(tree, tree.application(), "1000.00")
    with connection.cursor() as cursor:
        cursor.execute("SELECT reserved FROM public.budget_balance WHERE envelope_id = %s", [tree.leaf.pk])
        assert cursor.fetchone()[0] in (D("1000.00"), D("1000.01"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE budget_balance SET allocated = allocated + 1000000",
        "UPDATE budget_awardbalance SET reserved = 0",
        "UPDATE budget_paymentcredit SET opened = opened + 1000000",
        "UPDATE budget_ledgerentry SET amount = 1",
        "DELETE FROM budget_ledgerentry",
        "DELETE FROM budget_balance",
        "DELETE FROM budget_envelope",
        "TRUNCATE budget_ledgerentry",
        "TRUNCATE budget_balance",
        "INSERT INTO budget_paymentcredit (envelope_id, year, opened, paid) SELECT id, 2030, 1, 0 FROM budget_envelope",
        "INSERT INTO budget_ledgerentry SELECT * FROM budget_ledgerentry ON CONFLICT (id) DO UPDATE SET amount = 1",
        "SELECT 1 FROM budget_balance FOR UPDATE",
        "ALTER TABLE budget_ledgerentry DISABLE TRIGGER ALL",
        "ALTER TABLE budget_balance DROP CONSTRAINT budget_balance_within_allocated",
        "DROP TRIGGER budget_ledger_apply ON budget_ledgerentry",
        "CREATE OR REPLACE FUNCTION budget_ledger_apply() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "SET session_replication_role = replica",
        "SET ROLE guichet_owner",
    ],
)
def test_serving_role_may_not_touch_the_guards(db, statement):
    tree = Tree("1000.00")
    by_service(tree, tree.application(), "10.00")
    before = snapshot()
    with pytest.raises(ProgrammingError), transaction.atomic():
        execute(statement)
    assert snapshot() == before


def test_update_through_the_orm_is_refused(db):
    tree = Tree("1000.00")
    before = snapshot()
    for rows, values in (
        (Balance.objects.all(), {"allocated": D(10**9)}),
        (LedgerEntry.objects.all(), {"amount": D(1)}),
    ):
        with pytest.raises(ProgrammingError), transaction.atomic():
            rows.update(**values)
    with pytest.raises(ProgrammingError), transaction.atomic():
        Balance.objects.filter(pk=tree.leaf.pk).delete()
    assert snapshot() == before


@pytest.mark.parametrize(
    ("table", "when", "function"),
    [
        ("budget_ledgerentry", "AFTER", "budget_ledger_apply"),
        ("budget_ledgerentry", "BEFORE", "budget_ledger_number"),
        ("budget_envelope", "AFTER", "budget_envelope_balance"),
        ("budget_envelope", "BEFORE", "budget_envelope_place"),
    ],
)
def test_guards_cannot_be_borrowed_by_a_table_of_ones_own(db, table, when, function):
    """A trigger function that anybody may execute runs as its owner on the attacker's own table."""
    before = snapshot()
    with pytest.raises(ProgrammingError), transaction.atomic():
        execute(f"CREATE TEMP TABLE mine (LIKE public.{table})")
        execute(f"CREATE TRIGGER t {when} INSERT ON mine FOR EACH ROW EXECUTE FUNCTION public.{function}()")
    assert snapshot() == before


def test_journal_of_the_ledger_cannot_be_forged(db):
    tree = Tree("1000.00")
    before = snapshot()
    with pytest.raises(ProgrammingError), transaction.atomic():
        JournalEntry.objects.create(chain=f"envelope:{tree.leaf.pk}", action="ledger.reserve", at=AT, data={})
    assert snapshot() == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE budget_balance SET allocated = allocated + 1",
        "DELETE FROM budget_awardbalance",
        "INSERT INTO budget_paymentcredit (envelope_id, year, opened, paid) SELECT id, 2030, 1, 0 FROM budget_envelope",
        "UPDATE budget_ledgerentry SET amount = amount",
        "DELETE FROM budget_ledgerentry",
        "TRUNCATE budget_ledgerentry CASCADE",
        "TRUNCATE budget_balance",
        "UPDATE budget_envelope SET parent_id = NULL WHERE parent_id IS NOT NULL",
        "DELETE FROM budget_envelope",
    ],
)
def test_even_the_owner_does_not_write_by_hand(superuser_connection, statement):
    tree = Tree("1000.00")
    by_service(tree, tree.application(), "10.00")
    before = snapshot()
    with pytest.raises(psycopg.IntegrityError):
        superuser_connection.execute(statement)
    assert snapshot() == before


def test_row_discarded_by_a_conflict_moves_nothing(db):
    tree = Tree("1000.00")
    application = tree.application()
    by_service(tree, application, "100.00")
    before = snapshot()
    known = LedgerEntry.objects.get(movement="reserve")
    again = [entry(tree, application, "50.00", idempotency_key=known.idempotency_key)]
    LedgerEntry.objects.bulk_create(again, ignore_conflicts=True)
    assert snapshot() == before
    by_service(tree, application, "1.00")
    assert list(tree.leaf.entries.values_list("sequence", flat=True)) == [1, 2]


def test_values_set_by_the_caller_are_overwritten(db):
    tree = Tree("1000.00")
    forged = entry(tree, tree.application(), "10.00", sequence=99, row_hash="0" * 64, recorded_at=AT)
    forged.save()
    forged.refresh_from_db()
    assert (forged.sequence, forged.recorded_at > AT) == (1, True)
    assert forged.row_hash != "0" * 64


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("budget_ledger_malformed", {"movement": "gift"}),
        ("budget_ledger_malformed", {"credit_kind": "CP"}),
        ("budget_ledger_malformed", {"movement": "pay"}),
        ("budget_ledger_malformed", {"application": None}),
        ("budget_ledger_malformed", {"movement": "allocate"}),
        ("budget_ledger_malformed", {"movement": "delegate"}),
        ("budget_ledger_malformed", {"idempotency_key": ""}),
        ("budget_ledger_malformed", {"amount": D("NaN")}),
        ("budget_ledger_root_only", {"movement": "allocate", "application": None}),
        ("budget_award_within_reserved", {"movement": "commit"}),
        ("budget_award_within_committed", {"movement": "pay", "credit_kind": "CP"}),
        ("budget_award_within_paid", {"movement": "repay", "credit_kind": "CP"}),
        ("budget_paymentcredit_within_opened", {"movement": "pay", "credit_kind": "CP", "year": 2022}),
        ("budget_ledgerentry_sign", {"amount": D("-1.00")}),
        ("budget_ledgerentry_sign", {"amount": D("0.00")}),
    ],
)
def test_movement_that_has_no_sense_names_its_rule(db, rule, fields):
    tree = Tree("1000.00")
    before = snapshot()
    row = entry(tree, tree.application(), "1.00", **fields)
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        execute(
            f"INSERT INTO budget_ledgerentry ({COLUMNS}) VALUES "
            "(%s, 0, %s, %s, %s, %s, %s, %s, NULL, '', '', %s, %s, '')",
            [getattr(row, name) for name in INSERTED],
        )
    assert refusal.value.__cause__.diag.constraint_name == rule
    assert refusal.value.__cause__.sqlstate == "23514"
    assert snapshot() == before


@pytest.mark.parametrize("field", ["envelope", "application", "year", "movement", "twice", "of_a_reversal"])
def test_reversal_mirrors_its_origin(db, field):
    tree = Tree("1000.00", "1000.00")
    application, other = tree.applications(2)
    by_service(tree, application, "100.00")
    by_service(tree, other, "100.00")
    origin = LedgerEntry.objects.get(application=application)
    fields = {
        "envelope": {"envelope": tree.leaves[1]},
        "application": {"application": other},
        "year": {"year": 2020},
        "movement": {"movement": "commit"},
        "twice": {"amount": D("-100.01")},
        "of_a_reversal": {},
    }[field]
    if field == "of_a_reversal":
        services.release(reservation=origin, amount=D(10), at=AT, actor=None, key=make_key(), reason="x")
        fields = {"reverses": LedgerEntry.objects.get(reverses=origin)}
    before = snapshot()
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        entry(tree, application, "-1.00", **{"reverses": origin, **fields}).save()
    assert "reversal" in refusal.value.__cause__.diag.constraint_name
    assert snapshot() == before


def test_reversals_of_one_statement_do_not_exceed_the_origin_together(db):
    tree = Tree("1000.00")
    application = tree.application()
    by_service(tree, application, "100.00")
    by_service(tree, application, "100.00")
    origin = LedgerEntry.objects.filter(application=application).first()
    before = snapshot()
    with pytest.raises(IntegrityError), transaction.atomic():
        LedgerEntry.objects.bulk_create([entry(tree, application, "-60.00", reverses=origin) for _ in range(2)])
    assert snapshot() == before


def test_envelope_that_holds_awards_stays_a_leaf(db):
    tree = Tree("1000.00")
    by_service(tree, tree.application(), "1.00")
    with pytest.raises(IntegrityError), transaction.atomic():
        Envelope.objects.create(call=tree.call, parent=tree.leaf, code="sous", name="Sous-enveloppe")
    assert not Envelope.objects.filter(code="sous").exists()


def test_envelope_keeps_its_place(db):
    tree = Tree("1000.00", "500.00")
    for values in ({"parent": tree.leaves[1]}, {"parent": None}, {"call": Tree("1.00").call}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Envelope.objects.filter(pk=tree.leaf.pk).update(**values)
    Envelope.objects.filter(pk=tree.leaf.pk).update(name="Autre nom")
    assert Envelope.objects.get(pk=tree.leaf.pk).parent == tree.root


def test_envelope_of_another_call_is_no_child(db):
    tree = Tree("1000.00")
    with pytest.raises(IntegrityError), transaction.atomic():
        Envelope.objects.create(call=Tree("1.00").call, parent=tree.root, code="x", name="x")


def test_refusal_keeps_the_transaction_usable(db):
    """A refusal of the database, behind the friendly one, leaves the caller's transaction alive."""
    tree = Tree("1000.00")
    application = tree.application()
    by_service(tree, application, "10.00")
    with transaction.atomic():
        with pytest.raises(Refused):
            services.commit(application=application, amount=D(11), at=AT, actor=None, key=make_key())
        assert Balance.objects.get(pk=tree.leaf.pk).reserved == D(10)
    with pytest.raises(DatabaseError), transaction.atomic():
        execute("SELECT nothing")

"""``verify_ledger`` finds what a database superuser altered by hand."""

import json
from decimal import Decimal as D
from io import StringIO

import pytest
from django.core.management import call_command

from budget import services
from budget.envelopes import install_envelopes
from budget.models import LedgerEntry
from budget.verification import verify_ledger
from tests.budget.test_envelopes import national_call
from tests.factories.budget import AT, Tree, make_key


@pytest.fixture
def books():
    """Two leaves with every movement in them."""
    tree = Tree("10000.00", "5000.00")
    common = {"at": AT, "actor": tree.actor}
    for position, application in enumerate([*tree.applications(3), tree.application(1)]):
        leaf = tree.leaves[position // 3]
        entry = services.reserve(
            application=application, envelope=leaf, amount=D(1000 + position), key=make_key(), **common
        )
        if position:
            services.commit(application=application, amount=D(900), key=make_key(), **common)
            services.record_payment(application=application, amount=D(800), key=make_key(), **common)
        else:
            services.release(reservation=entry, amount=D(10), key=make_key(), reason="é%à", **common)
    services.record_repayment(application=application, amount=D(5), key=make_key(), reason="trop-perçu", **common)
    return tree


def run():
    out, err = StringIO(), StringIO()
    try:
        call_command("verify_ledger", stdout=out, stderr=err)
    except SystemExit as end:
        return end.code, out.getvalue() + err.getvalue()
    return 0, out.getvalue()


def test_ledger_as_written_is_intact(transactional_db, books):
    code, text = run()
    assert code == 0
    assert f"Grand livre intact : {LedgerEntry.objects.count()} écritures" in text


def test_ledger_of_the_national_call_is_intact(db):
    call, _axes = national_call()
    install_envelopes(call=call, at=AT, actor=None)
    report = verify_ledger()
    assert (report.problems, report.entries, report.allocated) == ([], 108, D(88_000_000))


def test_json_answer_names_what_differs(transactional_db, books, superuser_connection):
    tamper(superuser_connection, "UPDATE budget_balance SET paid = paid - 1 WHERE committed > 900")
    out = StringIO()
    with pytest.raises(SystemExit) as end:
        call_command("verify_ledger", "--json", stdout=out)
    answer = json.loads(out.getvalue())
    assert end.value.code == 1
    assert (answer["intact"], answer["allocated"]) == (False, "15000.00")
    assert [(each["code"], each["envelope"]) for each in answer["problems"]] == [("balance", books.leaf.code)]


def tamper(connection, *statements):
    """As a superuser, with every trigger asleep."""
    connection.execute("SET session_replication_role = replica")
    for statement in statements:
        assert connection.execute(statement).rowcount > 0, statement
    connection.execute("SET session_replication_role = origin")


REHASH = "UPDATE budget_ledgerentry l SET row_hash = encode(sha256(convert_to(budget_ledger_text(l), 'UTF8')), 'hex')"
FIELDS = (
    "envelope_id, counterpart_id, movement, credit_kind, year, amount, application_id, reverses_id, reference, reason, "
    "occurred_at, recorded_at, actor_id, row_hash"
)
INSERTED = (
    f"INSERT INTO budget_ledgerentry (id, sequence, idempotency_key, {FIELDS}) "
    f"SELECT gen_random_uuid(), 99, 'forged', {FIELDS} FROM budget_ledgerentry "
    "WHERE movement = 'reserve' ORDER BY envelope_id, sequence LIMIT 1"
)
ALTERATIONS = {
    "amount": ["UPDATE budget_ledgerentry SET amount = amount + 1 WHERE movement = 'reserve' AND amount > 0"],
    "amount and hash": ["UPDATE budget_ledgerentry SET amount = 1 WHERE movement = 'repay'", REHASH],
    "amount, hash and balances": [
        "UPDATE budget_ledgerentry SET amount = 4 WHERE movement = 'repay'",
        REHASH,
        "UPDATE budget_balance SET paid = paid + 1 WHERE paid = 795",
        "UPDATE budget_awardbalance SET paid = paid + 1 WHERE paid = 795",
    ],
    "reason": ["UPDATE budget_ledgerentry SET reason = 'autre' WHERE movement = 'repay'"],
    "actor": ["UPDATE budget_ledgerentry SET actor_id = NULL WHERE movement = 'repay'"],
    "instant": ["UPDATE budget_ledgerentry SET occurred_at = occurred_at + interval '1 day' WHERE movement = 'repay'"],
    "balance": ["UPDATE budget_balance SET reserved = reserved - 1 WHERE reserved > 0"],
    "last number": ["UPDATE budget_balance SET last_sequence = last_sequence + 1"],
    "balance removed": ["DELETE FROM budget_balance"],
    "award balance": ["UPDATE budget_awardbalance SET committed = committed - 1 WHERE committed > 0"],
    "award balance removed": ["DELETE FROM budget_awardbalance"],
    "award moved": ["UPDATE budget_awardbalance SET envelope_id = (SELECT min(id) FROM budget_envelope)"],
    "payment credit": ["UPDATE budget_paymentcredit SET opened = opened + 1"],
    "payment credit consumed": ["UPDATE budget_paymentcredit SET paid = paid - 1"],
    "row deleted": ["DELETE FROM budget_ledgerentry WHERE movement = 'repay'"],
    "last row deleted, balances too": [
        "UPDATE budget_balance SET paid = 800, last_sequence = last_sequence - 1 WHERE paid = 795",
        "UPDATE budget_awardbalance SET paid = 800 WHERE paid = 795",
        "DELETE FROM budget_ledgerentry WHERE movement = 'repay'",
    ],
    "row inserted": [INSERTED],
    "row inserted with its balances": [
        "INSERT INTO budget_ledgerentry (id, sequence, envelope_id, movement, credit_kind, year, amount, reference, "
        "reason, idempotency_key, occurred_at, recorded_at, row_hash) SELECT gen_random_uuid(), last_sequence + 1, id, "
        "'allocate', 'AE', 2021, 7, '', '', 'forged', now(), now(), '' FROM budget_envelope "
        "JOIN budget_balance ON envelope_id = id WHERE parent_id IS NULL",
        REHASH,
        "UPDATE budget_balance SET allocated = allocated + 7, last_sequence = last_sequence + 1 WHERE delegated > 0",
    ],
    "rows swapped": [
        "UPDATE budget_ledgerentry SET sequence = -sequence WHERE sequence IN (1, 2)",
        "UPDATE budget_ledgerentry SET sequence = 3 + sequence WHERE sequence < 0",
    ],
    "journal row removed": ["DELETE FROM core_journalentry WHERE action = 'ledger.repay'"],
    "journal row altered": [
        "UPDATE core_journalentry SET data = jsonb_set(data, '{amount}', '\"1.00\"') WHERE action = 'ledger.repay'"
    ],
    "journal row without its object": ["UPDATE core_journalentry SET data = '[]' WHERE action = 'ledger.repay'"],
    "envelope removed": ["DELETE FROM budget_envelope WHERE parent_id IS NOT NULL"],
    "tree": [
        "UPDATE budget_envelope SET parent_id = (SELECT min(id) + 1 FROM budget_envelope) "
        "WHERE id = (SELECT max(id) FROM budget_envelope)"
    ],
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_alteration_by_a_superuser_is_found(transactional_db, books, superuser_connection, name):
    assert run()[0] == 0
    tamper(superuser_connection, "UPDATE budget_envelope SET name = name", *ALTERATIONS[name])
    code, text = run()
    assert code == 1
    assert "Grand livre altéré" in text


def test_alteration_is_told_with_its_entry_and_envelope(transactional_db, books, superuser_connection):
    entry = LedgerEntry.objects.get(movement="repay")
    tamper(superuser_connection, "UPDATE budget_ledgerentry SET amount = 4 WHERE movement = 'repay'")
    problems = verify_ledger().problems
    assert {problem.code for problem in problems} == {"row_hash", "balance", "award", "journal"}
    assert any(problem.entry == str(entry.pk) and problem.envelope == books.leaves[1].code for problem in problems)

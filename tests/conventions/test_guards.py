"""What the database refuses to whoever serves, whatever the code says."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from conventions.models import Convention, Repayment, Report, Revision, TemplateArticle
from core import files
from tests.factories.accounts import AgentFactory
from tests.factories.conventions import ConventionWorld


def refused(statement, *values):
    """Whether the role that serves is refused this statement; what it tried is undone."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
    except DatabaseError:
        return True
    return False


def add_revision(convention, kind, base, content, signed_by=None):
    stored = files.store(content=content, name="x.pdf", kind="x", media_type="application/pdf", actor_id=None)
    return Revision.objects.create(
        convention=convention,
        kind=kind,
        file=stored,
        sha256=stored.sha256,
        size=stored.size,
        base_sha256=base,
        signed_by=signed_by,
        created_at=timezone.now(),
    )


@pytest.fixture
def convention(db):
    return ConventionWorld(1).release()[0]


@pytest.mark.parametrize(
    "change",
    [
        "amount = amount + 1",
        "number = 'CONV-2021-99999'",
        "verification_code = 'AAAA-AAAA-AAAA'",
        "data = '{}'",
        "state = 'signed', signed_at = now()",
        "state = 'paid'",
        "created_at = now()",
    ],
)
def test_facts_and_order_of_states_are_frozen(convention, change):
    assert refused(f"UPDATE conventions_convention SET {change} WHERE id = %s", convention.pk)


def test_signed_state_needs_a_commitment(convention):
    Convention.objects.filter(pk=convention.pk).update(state="sealed")
    Convention.objects.filter(pk=convention.pk).update(state="beneficiary_signed")
    assert refused("UPDATE conventions_convention SET state = 'signed', signed_at = now() WHERE id = %s", convention.pk)


def test_act_is_not_undone(convention):
    Convention.objects.filter(pk=convention.pk).update(state="sealed", sealed_at=timezone.now())
    assert refused("UPDATE conventions_convention SET sealed_at = NULL WHERE id = %s", convention.pk)
    assert refused("UPDATE conventions_convention SET state = 'pending' WHERE id = %s", convention.pk)


@pytest.mark.parametrize("table", ["convention", "revision", "payment", "report", "signing", "batch", "repayment"])
def test_rows_are_never_removed(convention, table):
    assert refused(f"DELETE FROM conventions_{table}")
    assert refused(f"TRUNCATE conventions_{table} CASCADE")


@pytest.mark.parametrize("table", ["revision", "payment", "report", "conventiontemplate", "templatearticle"])
def test_rows_of_evidence_are_never_changed(convention, table):
    assert refused(f"UPDATE conventions_{table} SET id = id")


def test_revision_continues_the_one_before(convention):
    first = add_revision(convention, "rendered", "", b"a")
    for kind, base in [("beneficiary", first.sha256), ("sealed", "0" * 64), ("rendered", "")]:
        with pytest.raises(DatabaseError), transaction.atomic():
            add_revision(convention, kind, base, f"b{kind}".encode())
    assert add_revision(convention, "sealed", first.sha256, b"c").pk


def test_same_bytes_are_one_revision_only(db):
    world = ConventionWorld(2)
    first, second = world.release()
    add_revision(first, "rendered", "", b"same")
    with pytest.raises(DatabaseError), transaction.atomic():
        add_revision(second, "rendered", "", b"same")


def test_one_person_does_not_sign_both_revisions(convention):
    one, other = AgentFactory(), AgentFactory()
    base = add_revision(convention, "rendered", "", b"a")
    base = add_revision(convention, "sealed", base.sha256, b"ab")
    base = add_revision(convention, "beneficiary", base.sha256, b"abc", signed_by=one)
    with pytest.raises(DatabaseError, match="both parties"), transaction.atomic():
        add_revision(convention, "state", base.sha256, b"abcd", signed_by=one)
    assert add_revision(convention, "state", base.sha256, b"abcde", signed_by=other).pk


def test_repayment_is_not_decided_unheard(convention):
    at = timezone.now()
    fields = {
        "convention": convention,
        "ground": "not_completed",
        "amount": Decimal("10.00"),
        "reason": "x",
        "notified_at": at,
        "answer_due_at": at + timedelta(days=31),
    }
    decided = {"decided_at": at + timedelta(days=1), "amount_decided": Decimal("10.00"), "decision_reason": "y"}
    with pytest.raises(DatabaseError, match="heard_before_decided"), transaction.atomic():
        Repayment.objects.create(**fields, **decided)
    Repayment.objects.create(**fields, **decided, answered_at=at)
    for wrong in ({"amount_decided": Decimal("11.00")}, {"decision_reason": ""}, {"amount_decided": None}):
        with pytest.raises(DatabaseError, match="decision_has_amount"), transaction.atomic():
            Repayment.objects.create(**fields, **{**decided, **wrong}, answered_at=at)


def test_one_procedure_of_repayment_at_a_time(convention):
    at = timezone.now()
    fields = {"ground": "not_completed", "amount": 1, "reason": "x", "notified_at": at, "answer_due_at": at}
    Repayment.objects.create(convention=convention, **fields)
    with pytest.raises(DatabaseError, match="one_procedure"), transaction.atomic():
        Repayment.objects.create(convention=convention, **fields)


def test_final_report_is_sent_once(convention):
    fields = {
        "body": "x",
        "spent": 1,
        "sent_at": timezone.now(),
        "sent_by": convention.decision.decision_list.released_by,
    }
    Report.objects.create(convention=convention, is_final=True, **fields)
    Report.objects.create(convention=convention, is_final=False, **fields)
    with pytest.raises(DatabaseError, match="one_final"), transaction.atomic():
        Report.objects.create(convention=convention, is_final=True, **fields)


def test_text_has_one_article_per_number(convention):
    article = TemplateArticle.objects.first()
    with pytest.raises(DatabaseError, match="article_number_unique"), transaction.atomic():
        TemplateArticle.objects.create(template=article.template, number=article.number, title="x", body="y")

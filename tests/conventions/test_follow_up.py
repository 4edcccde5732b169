"""Reports, and the procedure by which money is asked back."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from applications.models import Application
from budget.models import AwardBalance
from conventions.models import Convention, Repayment, Report
from conventions.services import repayments as services
from conventions.services import reports
from conventions.services.reports import overdue_final_report, remind_final_reports, send_report
from conventions.tasks import remind_reports_task
from core import files
from core.errors import Refused
from core.idempotency import KeyReused
from core.mail import send_mail
from core.models import FileScan, JournalEntry, OutboxMessage
from core.templatetags.guichet import paris_date, paris_datetime
from territories.models import Affiliation
from tests.factories.accounts import code_of, confirmed, sign_in
from tests.factories.applications import pdf
from tests.factories.conventions import PAID, ConventionWorld, representative_of
from tests.factories.territories import AffiliationFactory

NOTIFIED = PAID + timedelta(days=400)
DUE_ON = (NOTIFIED + timedelta(days=40)).date()
LATE = NOTIFIED + timedelta(days=42)


pytestmark = pytest.mark.usefixtures("ready_bytes")


def report(convention, user, **fields):
    values = {
        "is_final": False,
        "body": "Fait.",
        "spent": Decimal("1200.00"),
        "key": str(uuid4()),
        "at": PAID,
        **fields,
    }
    return send_report(convention=convention, user=user, **values)


def test_report_is_kept_told_and_journaled_once_per_key(db):
    world = ConventionWorld(1)
    convention = world.signed()
    user = representative_of(convention)
    sent = report(convention, user, key="k", attachment=("état.pdf", pdf("dépenses")))
    assert report(convention, user, key="k", attachment=("état.pdf", pdf("dépenses"))) == sent
    assert files.read(sent.file) == pdf("dépenses")
    assert FileScan.objects.filter(file=sent.file).exists()
    entry = JournalEntry.objects.get(action="convention.report")
    assert entry.data["spent"] == "1200.00"
    assert OutboxMessage.objects.filter(dedupe_key=f"mail:convention:{convention.pk}:report:{sent.pk}").count() == 1
    with pytest.raises(KeyReused):
        report(convention, user, key="k", body="Autre.")


@pytest.mark.parametrize(
    ("verdict", "hold", "status"), [("infected", False, 409), ("unscanned", True, 409), ("clean", True, 200)]
)
def test_file_of_a_report_is_handed_out_once_cleared(client, db, settings, verdict, hold, status):
    settings.HOLD_UNSCANNED_FILES = hold
    convention = ConventionWorld(1).signed()
    user = representative_of(convention)
    sent = report(convention, user, attachment=("état.pdf", pdf("dépenses")))
    FileScan.objects.create(file=sent.file, verdict=verdict)
    sign_in(client, user)
    response = client.get(reverse("report_file", args=[convention.number, sent.pk]))
    assert response.status_code == status
    assert (response.content == pdf("dépenses")) is (status == 200)
    assert ("pas disponible" in response.content.decode(errors="replace")) is (status == 409)


def test_second_final_report_is_refused(db):
    convention = ConventionWorld(1).signed()
    user = representative_of(convention)
    report(convention, user, is_final=True)
    with pytest.raises(Refused, match="déjà été envoyé"):
        report(convention, user, is_final=True)
    assert Report.objects.count() == 1


def test_report_with_a_file_of_another_type_is_refused_at_its_field(db):
    convention = ConventionWorld(1).signed()
    with pytest.raises(Refused) as refusal:
        report(convention, representative_of(convention), attachment=("a.pdf", b"MZ\x00\x00"))
    assert refusal.value.field == "file"
    assert not Report.objects.exists()


def test_only_the_beneficiary_reports_and_only_once_signed(db):
    world = ConventionWorld(1)
    convention = world.signed_once()
    with pytest.raises(Refused):
        report(convention, representative_of(convention))
    with pytest.raises(Refused):
        report(convention, world.officer)
    assert not Report.objects.exists()


@pytest.fixture
def paid(db):
    world = ConventionWorld(1)
    world.convention = world.paid()
    return world


def notify(world, **fields):
    values = {
        "convention": world.convention,
        "user": world.officer,
        "at": NOTIFIED,
        "key": str(uuid4()),
        "ground": "not_completed",
        "amount": Decimal("4000.00"),
        "reason": "Le projet n’est pas achevé.",
        "answer_due_on": DUE_ON,
        **fields,
    }
    return services.notify_repayment(**values)


def answer(world, repayment, at=NOTIFIED + timedelta(days=5), **fields):
    user = fields.pop("user", representative_of(world.convention))
    return services.answer_repayment(
        repayment=repayment, user=user, at=at, key=str(uuid4()), answer="Nos observations.", **fields
    )


def decide(world, repayment, *, at, amount="4000.00", confirm=True, **fields):
    facts = {"amount": Decimal(amount), "reason": "Après examen des observations."}
    if confirm:
        digest = services.what_is_decided(repayment, **facts)
        confirmed(world.officer, act=services.DECIDE_ACT, content_sha256=digest, at=at)
    return services.decide_repayment(
        repayment=repayment, at=at, key=fields.pop("key", str(uuid4())), user=fields.pop("user", world.officer), **facts
    )


def test_repayment_runs_from_notice_to_the_ledger(paid):
    repayment = notify(paid)
    repayment = answer(paid, repayment)
    repayment = decide(paid, repayment, at=NOTIFIED + timedelta(days=6), amount="3000.00")
    assert AwardBalance.objects.get().paid == Decimal("10000.00"), "a decision is not yet money"
    repayment = services.record_return(
        repayment=repayment, user=paid.officer, at=LATE, key="r", received_on=LATE.date(), reference="TP-1"
    )
    assert repayment.ledger_entry.movement == "repay"
    assert repayment.ledger_entry.amount == Decimal("3000.00")
    assert AwardBalance.objects.get().paid == Decimal("7000.00")
    actions = JournalEntry.objects.filter(action__startswith="convention.repayment").order_by("number")
    assert [row.action.rpartition("_")[2] for row in actions] == ["notified", "answered", "decided", "received"]
    subjects = OutboxMessage.objects.filter(dedupe_key__contains=":repayment_").order_by("created_at")
    assert [row.payload["subject"].split("] ")[1] for row in subjects] == [
        "Un reversement est envisagé, vos observations sont attendues",
        "Vos observations sont arrivées",
        "Des observations sont arrivées",
        "Un reversement est décidé",
        "Votre reversement est encaissé",
    ]
    assert services.returnable(paid.convention) == Decimal("7000.00")


def test_decision_before_the_answer_or_the_due_date_is_refused(paid):
    repayment = notify(paid)
    with pytest.raises(Refused, match="sans l’avoir entendue"):
        decide(paid, repayment, at=NOTIFIED + timedelta(days=30))
    repayment.refresh_from_db()
    assert repayment.decided_at is None
    assert decide(paid, repayment, at=LATE).amount_decided == Decimal("4000.00")


def test_procedure_begun_by_mistake_is_given_up_before_the_answer_and_only_that(client, paid):
    """Nobody needs to be heard before a claim against them is dropped; a sum sent by hand decides nothing."""
    repayment = notify(paid, at=PAID, answer_due_on=(PAID + timedelta(days=40)).date())
    Repayment.objects.update(answer_due_at=timezone.now() + timedelta(days=30))
    sign_in(client, paid.officer)
    url = reverse("repayment_decide", args=[paid.convention.number, repayment.pk])
    detail = client.get(reverse("repayment_detail", args=[paid.convention.number, repayment.pk])).content.decode()
    assert "Renoncer à cette procédure" in detail and paid.convention.data["beneficiary"]["name"] in detail
    page = client.post(url, {"amount": "3000", "reason": "Engagée par erreur."})
    confirmation = page.context["confirmation"]
    sent = {name: confirmation.initial.get(name, field.initial) for name, field in confirmation.fields.items()}
    assert sent["amount"] == 0
    sent |= {"key": str(uuid4()), "confirmation_code": code_of(paid.officer), "confirmation_credential": ""}
    assert client.post(url, sent).status_code == 302
    repayment.refresh_from_db()
    assert (repayment.amount_decided, repayment.decision_reason) == (0, "Engagée par erreur.")
    assert services.returnable(paid.convention) == Decimal("10000.00")


def test_claim_may_be_given_up_and_a_new_one_notified(paid):
    repayment = answer(paid, notify(paid))
    decide(paid, repayment, at=LATE, amount="0.00")
    with pytest.raises(Refused, match="Aucun reversement"):
        services.record_return(
            repayment=repayment, user=paid.officer, at=LATE, key="r", received_on=LATE.date(), reference="TP-1"
        )
    assert notify(paid, at=LATE, answer_due_on=(LATE + timedelta(days=40)).date()).pk != repayment.pk


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("amount", {"amount": Decimal("10000.01")}),
        ("answer_due_on", {"answer_due_on": (NOTIFIED + timedelta(days=29)).date()}),
        ("answer_due_on", {"answer_due_on": (NOTIFIED + timedelta(days=181)).date()}),
        (None, {"user": "signatory"}),
    ],
)
def test_notice_out_of_bounds_is_refused(paid, field, changes):
    if "user" in changes:
        changes = {"user": getattr(paid, changes["user"])}
    with pytest.raises(Refused) as refusal:
        notify(paid, **changes)
    assert refusal.value.field == field
    assert not Repayment.objects.exists()


def test_nothing_paid_nothing_returned(db):
    world = ConventionWorld(1)
    world.convention = world.signed()
    with pytest.raises(Refused, match="rien à reverser"):
        notify(world)


def test_second_notice_answer_or_decision_is_refused(paid):
    repayment = notify(paid)
    with pytest.raises(Refused, match="déjà en cours"):
        notify(paid)
    answer(paid, repayment)
    with pytest.raises(Refused, match="déjà été envoyées"):
        answer(paid, repayment)
    decide(paid, repayment, at=LATE, amount="1000.00")
    with pytest.raises(Refused, match="déjà prise"):
        decide(paid, repayment, at=LATE)
    with pytest.raises(Refused, match="plus temps"):
        answer(paid, repayment)


def test_decision_is_the_officers_confirmed_and_bounded(paid):
    repayment = answer(paid, notify(paid))
    with pytest.raises(Refused) as refusal:
        decide(paid, repayment, at=LATE, confirm=False)
    assert refusal.value.field == "confirmation_code"
    with pytest.raises(Refused, match="gestionnaire"):
        decide(paid, repayment, at=LATE, user=paid.signatory)
    with pytest.raises(Refused) as refusal:
        decide(paid, repayment, at=LATE, amount="4000.01")
    assert refusal.value.field == "amount"
    assert Repayment.objects.get().decided_at is None


def test_observations_are_the_beneficiarys_own(paid):
    repayment = notify(paid)
    with pytest.raises(Refused):
        answer(paid, repayment, user=paid.officer)
    assert Repayment.objects.get().answered_at is None


def test_observations_are_acknowledged_and_the_service_learns_that_they_came(paid, mailoutbox):
    repayment = answer(paid, notify(paid))
    sent = OutboxMessage.objects.filter(dedupe_key__endswith=f":{repayment.pk}")
    receipt, notice = (sent.get(dedupe_key__contains=f":{step}:") for step in ("repayment_answered", "repayment_heard"))
    for message in (receipt, notice):
        send_mail(message.payload)
    first, second = mailoutbox
    convention = repayment.convention
    assert representative_of(convention).email in first.to
    assert second.to == [convention.data["call"]["contact_email"]]
    assert f"sont arrivées le {paris_datetime(repayment.answered_at)}." in first.body
    assert "peut être prise" in second.body and "peut être prise" not in first.body
    # What they said stays behind the sign-in.
    assert repayment.answer not in first.body + second.body


def test_return_is_received_once_after_the_decision(paid):
    repayment = decide(paid, answer(paid, notify(paid)), at=LATE)
    arguments = {"repayment": repayment, "user": paid.officer, "at": LATE, "reference": "TP-1"}
    for wrong in (LATE - timedelta(days=1), LATE + timedelta(days=1)):
        with pytest.raises(Refused) as refusal:
            services.record_return(key=str(wrong), received_on=wrong.date(), **arguments)
        assert refusal.value.field == "received_on"
    services.record_return(key="r", received_on=LATE.date(), **arguments)
    with pytest.raises(Refused, match="déjà encaissé"):
        services.record_return(key="s", received_on=LATE.date(), **arguments)
    assert AwardBalance.objects.get().paid == Decimal("6000.00")


def test_money_received_in_december_and_recorded_in_january_is_of_december(paid):
    at = datetime(2023, 1, 5, 9, tzinfo=UTC)
    # Notified on 1 November 2022, answered on the 2nd, decided on 15 December, received on the 28th.
    notified = datetime(2022, 11, 1, 9, tzinfo=UTC)
    repayment = notify(paid, at=notified, answer_due_on=date(2022, 12, 1))
    repayment = answer(paid, repayment, at=notified + timedelta(days=1))
    repayment = decide(paid, repayment, at=datetime(2022, 12, 15, 9, tzinfo=UTC))
    arguments = {"repayment": repayment, "user": paid.officer, "at": at, "key": "r", "reference": "TP-1"}
    repayment = services.record_return(received_on=date(2022, 12, 28), **arguments)
    assert (repayment.ledger_entry.year, repayment.ledger_entry.occurred_at) == (2022, at)
    assert services.record_return(received_on=date(2022, 12, 28), **arguments) == repayment


@pytest.mark.parametrize(
    ("notified", "first"),
    [
        (datetime(2023, 2, 1, 9, tzinfo=UTC), date(2023, 3, 1)),
        (datetime(2023, 1, 31, 9, tzinfo=UTC), date(2023, 2, 28)),
        (datetime(2023, 3, 1, 9, tzinfo=UTC), date(2023, 4, 1)),
        # Half past midnight on 1 February in Paris.
        (datetime(2023, 1, 31, 23, 30, tzinfo=UTC), date(2023, 3, 1)),
    ],
)
def test_month_to_answer_is_one_of_the_calendar(paid, notified, first):
    with pytest.raises(Refused, match="au moins un mois") as refusal:
        notify(paid, at=notified, answer_due_on=first - timedelta(days=1))
    assert refusal.value.field == "answer_due_on"
    assert paris_date(first) in refusal.value.message
    assert not Repayment.objects.exists()
    repayment = notify(paid, at=notified, answer_due_on=first)
    assert timezone.localtime(repayment.answer_due_at).date() == first
    assert timezone.localtime(repayment.answer_due_at).hour == 23


def test_article_15_the_page_and_the_check_give_the_same_time(client, paid):
    text = paid.template.articles.get(number=15).body
    sign_in(client, paid.officer)
    page = client.get(reverse("repayment_notify", args=[paid.convention.number])).content.decode()
    assert "dans un délai d’au moins un mois" in text
    assert "dispose d’au moins un mois" in page and "Au moins un mois après aujourd’hui" in page
    assert services.first_due_day(datetime(2023, 5, 15, 9, tzinfo=UTC)) == date(2023, 6, 15)


def test_decision_sent_twice_is_said_to_be_taken(client, paid):
    repayment = answer(paid, notify(paid))
    decide(paid, repayment, at=LATE)
    sign_in(client, paid.officer)
    url = reverse("repayment_decide", args=[paid.convention.number, repayment.pk])
    for send in (client.get, client.post):
        page = send(url, {"amount": "1", "reason": "Autre"}, follow=True).content.decode()
        assert "La décision est déjà prise" in page
        assert "doit d’abord être entendue" not in page
    assert Repayment.objects.get().amount_decided == Decimal("4000.00")


def test_decision_with_the_longest_reason_is_read_then_confirmed_and_never_travels_in_an_address(client, paid):
    due = (PAID + timedelta(days=40)).date()
    repayment = answer(paid, notify(paid, at=PAID, answer_due_on=due), at=PAID + timedelta(days=5))
    sign_in(client, paid.officer)
    url = reverse("repayment_decide", args=[paid.convention.number, repayment.pk])
    # Three bytes a character in an address, and lines ended as a browser ends them.
    reason = "\r\n".join(["é" * 1499, "€" * 1499])
    ignored = client.get(url, {"amount": "3000", "reason": reason})
    assert "confirmation" not in ignored.context
    page = client.post(url, {"amount": "3 000,00", "reason": reason})
    confirmation = page.context["confirmation"]
    assert not confirmation.is_bound
    assert Repayment.objects.get().decided_at is None
    sent = {name: confirmation.initial.get(name, field.initial) for name, field in confirmation.fields.items()}
    sent |= {"key": str(uuid4()), "confirmation_code": "000000", "confirmation_credential": ""}
    refused = client.post(url, sent)
    assert "confirmation_code" in refused.context["confirmation"].errors
    assert refused.context["confirmation"]["reason"].value() == sent["reason"]
    changed = client.post(url, {**sent, "confirmation_code": code_of(paid.officer), "amount": "abc"})
    assert "amount" in changed.context["form"].errors
    assert Repayment.objects.get().decided_at is None
    done = client.post(url, {**sent, "confirmation_code": code_of(paid.officer)})
    assert done.status_code == 302
    decided = Repayment.objects.get()
    assert (decided.amount_decided, decided.decision_reason) == (Decimal("3000.00"), reason.replace("\r\n", "\n"))


def test_notice_is_read_again_before_it_goes_and_its_faults_are_told_first(client, paid):
    sign_in(client, paid.officer)
    url = reverse("repayment_notify", args=[paid.convention.number])
    typed = {
        "amount": "999 999 999,00",
        "reason": "Le projet n’est pas achevé.",
        "answer_due_on": (timezone.localdate() + timedelta(days=60)).isoformat(),
        "key": "6a2f41a3-c54c-4b06-9b2f-1f2b5f6d7a44",
    }
    typed["ground"] = Repayment.Ground.choices[0][0]
    assert "Au plus" in client.post(url, typed).context["form"].errors["amount"][0]
    typed["amount"] = "4 000,00"
    read = client.post(url, typed)
    assert "4\u202f000,00" in read.context["rows"][1]["description"]
    assert "Le projet n’est pas achevé." in read.content.decode()
    assert not Repayment.objects.exists()
    client.post(url, {**typed, "confirmer": "oui"})
    assert Repayment.objects.get().amount == Decimal("4000.00")


def reminders() -> list[OutboxMessage]:
    told = OutboxMessage.objects.filter(dedupe_key__contains=":report_")
    return list(told.order_by("created_at", "pk"))


def over(convention, ends_on):
    Application.objects.filter(pk=convention.application_id).update(ends_on=ends_on)


@pytest.mark.parametrize(
    ("today", "told"),
    [
        (date(2023, 5, 29), []),
        (date(2023, 5, 30), ["report_due"]),
        (date(2023, 6, 30), ["report_due"]),
        (date(2023, 7, 1), ["report_late"]),
        (date(2025, 1, 1), ["report_late"]),
    ],
)
def test_final_report_is_recalled_a_month_before_then_once_late(db, today, told):
    over(ConventionWorld(1).signed(), date(2022, 6, 30))
    remind_final_reports(today=today)
    remind_final_reports(today=today)
    assert [message.payload["context"]["step"] for message in reminders()] == told


@pytest.mark.parametrize(
    ("ends_on", "today"), [(date(2022, 3, 31), date(2023, 2, 28)), (date(2022, 3, 30), date(2023, 2, 28))]
)
def test_month_before_the_last_day_is_a_shorter_month(db, ends_on, today):
    over(ConventionWorld(1).signed(), ends_on)
    remind_final_reports(today=today - timedelta(days=1))
    assert reminders() == []
    remind_final_reports(today=today)
    assert [message.payload["context"]["step"] for message in reminders()] == ["report_due"]


def test_project_over_long_before_the_signature_is_left_a_month(db):
    convention = ConventionWorld(1).signed()
    signed_on = timezone.localdate(convention.signed_at)
    Application.objects.update(starts_on=signed_on - timedelta(days=400))
    over(convention, signed_on - timedelta(days=370))
    remind_final_reports(today=signed_on + timedelta(days=25))
    assert reminders() == []
    remind_final_reports(today=signed_on + timedelta(days=31))
    assert [message.payload["context"]["step"] for message in reminders()] == ["report_late"]


@pytest.mark.parametrize(("given_back", "told"), [("4000.00", ["report_late"]), ("10000.00", [])])
def test_whole_subsidy_asked_back_owes_no_report(paid, given_back, told):
    repayment = answer(paid, notify(paid, amount=Decimal(given_back)))
    decide(paid, repayment, at=NOTIFIED + timedelta(days=6), amount=given_back)
    over(paid.convention, date(2022, 6, 30))
    remind_final_reports(today=date(2023, 8, 1))
    assert [message.payload["context"]["step"] for message in reminders()] == told
    rows = overdue_final_report(Convention.objects.all(), date(2023, 8, 1))
    assert rows.exists() is bool(told)


def test_whoever_left_the_authority_gets_no_reminder(db):
    convention = ConventionWorld(1).signed()
    over(convention, date(2022, 6, 30))
    gone = AffiliationFactory(organisation=convention.application.organisation)
    Affiliation.objects.filter(pk=gone.pk).update(ends_at=timezone.now() - timedelta(days=1))
    Application.objects.filter(pk=convention.application_id).update(contact_email=gone.user.email)
    remind_final_reports(today=date(2023, 8, 1))
    (message,) = reminders()
    assert gone.user.email not in message.payload["to"]
    assert representative_of(convention).email in message.payload["to"]


def test_reminder_that_fails_is_seen_and_comes_back(db, monkeypatch):
    over(ConventionWorld(1).signed(), date(2022, 6, 30))

    def stumbles(*args, **options):
        raise OSError("stumbled")

    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="1 of 1"):
        patch.setattr(reports, "tell_report_due", stumbles)
        remind_final_reports(today=date(2023, 8, 1))
    remind_final_reports(today=date(2023, 8, 2))
    assert len(reminders()) == 1


def test_report_that_is_being_sent_is_waited_for_by_nobody_and_recalled_by_nobody(transactional_db):
    """The round leaves a convention that somebody holds: what they write is seen by the next round."""
    convention = ConventionWorld(1).signed()
    over(convention, date(2022, 6, 30))
    user = representative_of(convention)

    def recalls():
        try:
            remind_final_reports(today=date(2023, 8, 1))
        finally:
            connection.close()

    thread = threading.Thread(target=recalls)
    with transaction.atomic():
        report(convention, user, is_final=True)
        thread.start()
        thread.join(20)
        assert not thread.is_alive(), "the round waits for nobody"
    assert reminders() == []
    remind_final_reports(today=date(2023, 8, 2))
    assert reminders() == []


def test_each_reminder_of_a_final_report_goes_once_to_those_who_answer_for_it(db, mailoutbox):
    convention = ConventionWorld(1).signed()
    over(convention, date(2024, 2, 29))
    day = date(2024, 12, 1)
    while day < date(2025, 4, 1):
        remind_final_reports(today=day)
        day += timedelta(days=3)
    soon, late = reminders()
    for message in (soon, late):
        send_mail(message.payload)
    first, second = mailoutbox
    assert {representative_of(convention).email, convention.application.contact_email} <= set(first.to)
    assert "attendu le 28 février 2025 au plus tard" in first.subject
    assert "Il est attendu le 28 février 2025 au plus tard" in first.body
    assert "en retard" in second.subject
    assert f"/conventions/{convention.number}/" in second.body


def test_final_report_that_came_or_of_a_convention_not_signed_is_not_recalled(db):
    world = ConventionWorld(1)
    convention = world.signed()
    report(convention, representative_of(convention), is_final=True)
    world.release([world.dossier()])
    Application.objects.update(ends_on=date(2022, 6, 30))
    for day in (date(2023, 6, 15), date(2023, 8, 1)):
        assert remind_final_reports(today=day) == 0
    assert reminders() == []


def test_final_reports_are_recalled_by_the_task(db, time_machine):
    over(ConventionWorld(1).signed(), date(2022, 6, 30))
    time_machine.move_to(datetime(2023, 6, 30, 22, 30, tzinfo=UTC), tick=False)  # already 1 July in Paris
    assert remind_reports_task() == 1
    assert [message.payload["context"]["step"] for message in reminders()] == ["report_late"]

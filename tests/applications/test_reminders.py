"""Applicants are reminded once of what is about to close, and of nothing else."""

from datetime import datetime, timedelta

import pytest
from django.conf import settings

from applications import reminders
from applications.models import Application
from applications.reminders import remind_completions, remind_drafts
from applications.services import answer_completion, request_completion
from applications.tasks import remind_completions_task, remind_drafts_task
from calls.models import Session
from core.errors import Refused
from core.mail import send_mail
from core.models import OutboxMessage
from core.templatetags.guichet import paris_date
from territories.models import Affiliation
from tests.factories.applications import applicant_of, fill, screener_of, start, submitted_application
from tests.factories.calls import FIRST_RELEVE
from tests.factories.territories import AffiliationFactory


def mails() -> list[OutboxMessage]:
    kinds = ("emails/applications/draft_closing.txt", "emails/applications/completion_due.txt")
    return list(OutboxMessage.objects.filter(payload__template__in=kinds).order_by("created_at", "pk"))


def closing(application: Application) -> datetime:
    session: Session = application.session
    return session.closes_at


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (timedelta(days=7, seconds=1), []),
        (timedelta(days=7), ["7"]),
        (timedelta(days=2, seconds=1), ["7"]),
        (timedelta(days=2), ["2"]),
        (timedelta(seconds=1), ["2"]),
        (timedelta(0), []),
    ],
)
def test_draft_is_recalled_from_seven_days_then_two_before_the_closing(db, before, told):
    draft = start()
    at = closing(draft) - before
    assert remind_drafts(at=at) == len(told)
    remind_drafts(at=at)
    assert [message.dedupe_key.rpartition(":")[2] for message in mails()] == told


def test_draft_is_recalled_each_time_once_whatever_the_number_of_rounds(db):
    draft = start()
    for hours in range(9 * 24, 0, -6):
        remind_drafts(at=closing(draft) - timedelta(hours=hours))
    assert [message.dedupe_key.rpartition(":")[2] for message in mails()] == ["7", "2"]


def test_draft_is_told_what_it_lacks_or_that_it_is_complete(db, mailoutbox):
    empty = start()
    whole = fill(start(), at=closing(empty) - timedelta(days=1))
    remind_drafts(at=closing(empty) - timedelta(days=1))
    for message in mails():
        send_mail(message.payload)
    said = {tuple(sorted(mail.to)): mail for mail in mailoutbox}
    assert len(said) == 2
    lacking = said[(empty.created_by.email,)]
    complete = next(mail for mail in mailoutbox if mail is not lacking)
    # Typed, and nobody has confirmed it: before the filing it may be a stranger's.
    assert whole.contact_email not in complete.to
    assert complete.to == [whole.created_by.email]
    assert f"/dossiers/{whole.pk}/" in lacking.body or f"/dossiers/{empty.pk}/" in lacking.body
    assert "La relève ferme le" in lacking.body and "Pour lui écrire" not in lacking.body
    assert "Votre brouillon n’est pas déposé" in lacking.subject
    assert "- Indiquez l’intitulé du projet\n" in lacking.body
    assert "Il ne manque rien" not in lacking.body
    assert "Il ne manque rien : il reste à le relire et à le déposer." in complete.body
    assert "il reste à faire" not in complete.body
    assert f"/dossiers/{whole.pk}/" in complete.body


def test_draft_is_told_to_those_who_prepare_it_or_whoever_acts_now(db):
    draft = start()
    colleague = AffiliationFactory(organisation=draft.organisation).user
    at = closing(draft) - timedelta(days=1)
    Affiliation.objects.filter(user=draft.created_by).update(ends_at=at - timedelta(days=1))
    remind_drafts(at=at)
    assert mails()[0].payload["to"] == [colleague.email]


def test_draft_that_cannot_be_read_hinders_no_other_and_is_seen_to_fail(db, monkeypatch, caplog):
    broken, sound = start(), start()
    judge = reminders.missing_items

    def stumbles(application, at):
        if application.pk == broken.pk:
            raise Refused("Les conditions financières de cet axe ne sont pas publiées.")
        return judge(application, at)

    monkeypatch.setattr(reminders, "missing_items", stumbles)
    with pytest.raises(RuntimeError, match="1 of 2"):
        remind_drafts(at=closing(sound) - timedelta(days=1))
    assert [message.payload["to"] for message in mails()] == [[sound.created_by.email]]
    assert any(getattr(record, "key", "") == str(broken.pk) for record in caplog.records)


def test_draft_already_told_is_not_judged_again(db, monkeypatch):
    draft = start()
    at = closing(draft) - timedelta(days=1)
    remind_drafts(at=at)
    monkeypatch.setattr(reminders, "missing_items", None)
    assert remind_drafts(at=at) == 1
    assert len(mails()) == 1


def test_filed_dossier_is_not_told_to_file(db):
    filed = submitted_application()
    assert remind_drafts(at=closing(filed) - timedelta(days=1)) == 0
    assert mails() == []


def test_postponed_closing_is_told_again(db):
    draft = start()
    remind_drafts(at=closing(draft) - timedelta(days=1))
    moved = closing(draft) + timedelta(days=10)
    Session.objects.filter(pk=draft.session_id).update(closes_at=moved)
    remind_drafts(at=moved - timedelta(days=1))
    assert len(mails()) == 2


def asked(at: datetime, days: int) -> Application:
    application = submitted_application()
    request_completion(
        application=application,
        user=screener_of(application.call),
        at=at,
        items=["La délibération signée"],
        due_at=at + timedelta(days=days),
    )
    return application


def test_missing_items_are_recalled_once_three_days_before_their_date(db, mailoutbox):
    at = FIRST_RELEVE + timedelta(days=60)
    application = asked(at, 15)
    assert remind_completions(at=at + timedelta(days=12) - timedelta(seconds=1)) == 0
    for hours in (0, 24, 71):
        assert remind_completions(at=at + timedelta(days=12, hours=hours)) == 1
    assert remind_completions(at=at + timedelta(days=15)) == 0
    (message,) = mails()
    send_mail(message.payload)
    assert application.number in mailoutbox[0].subject
    assert "- La délibération signée\n" in mailoutbox[0].body


def test_missing_items_asked_for_at_short_notice_are_not_recalled(db):
    at = FIRST_RELEVE + timedelta(days=60)
    asked(at, 3)
    remind_completions(at=at + timedelta(days=2))
    assert mails() == []


def test_missing_items_that_came_are_not_recalled(db):
    at = FIRST_RELEVE + timedelta(days=60)
    application = asked(at, 15)
    answer_completion(
        application=application,
        user=applicant_of(application.organisation),
        at=at + timedelta(days=1),
        message="La voici.",
    )
    assert remind_completions(at=at + timedelta(days=13)) == 0
    assert mails() == []


def test_reminders_are_on_the_clock_of_beat(db, time_machine):
    draft = start()
    time_machine.move_to(closing(draft) - timedelta(days=1), tick=False)
    assert remind_drafts_task() == 1
    assert len(mails()) == 1
    tasks = {row["task"] for row in settings.CELERY_BEAT_SCHEDULE.values()}
    assert {
        "applications.tasks.remind_drafts_task",
        "applications.tasks.remind_completions_task",
        "conventions.tasks.remind_reports_task",
    } <= tasks


def test_missing_items_are_on_the_clock_of_beat(db, time_machine):
    at = FIRST_RELEVE + timedelta(days=60)
    asked(at, 15)
    time_machine.move_to(at + timedelta(days=13), tick=False)
    assert remind_completions_task() == 1
    assert len(mails()) == 1


@pytest.mark.parametrize(
    ("days", "said", "unsaid"),
    [
        (5, "Le délai de décision court à nouveau.", "considérée comme rejetée. Vous pouvez"),
        (20, "court de nouveau depuis cette date", "court à nouveau"),
        (400, "depuis ce jour, votre demande est considérée comme rejetée", "court"),
    ],
)
def test_receipt_of_missing_items_tells_the_clock_as_it_is(db, mailoutbox, days, said, unsaid):
    at = FIRST_RELEVE + timedelta(days=60)
    application = asked(at, 15)
    application = answer_completion(
        application=application,
        user=applicant_of(application.organisation),
        at=at + timedelta(days=days),
        message="La voici.",
    )
    send_mail(OutboxMessage.objects.get(payload__template__endswith="completion_received.txt").payload)
    body = mailoutbox[0].body
    assert said in body and unsaid not in body
    assert paris_date(application.decision_due_at) in body

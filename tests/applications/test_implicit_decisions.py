"""What silence decides: complete after two months, rejected after eight, and what stops the clock meanwhile."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
import time_machine
from django.apps import apps
from django.db import connection, connections, transaction
from django.urls import reverse

from applications import services
from applications.clocks import add_months
from applications.models import Acknowledgement, Application, CompletionRequest
from applications.search import filtered
from applications.tasks import acknowledge
from core.errors import Refused
from core.models import NumberSeries, OutboxMessage
from core.templatetags.guichet import paris_date
from tests.factories.accounts import sign_in
from tests.factories.applications import (
    applicant_of,
    completion_requested_application,
    screener_of,
    submitted_application,
)
from tests.factories.calls import FIRST_RELEVE


def test_completion_moves_the_decision_at_once_by_the_time_given(db):
    """CRPA L114-5: suspended for the time given; décret 2018-514, art. 4: completeness until the items are there."""
    filed = submitted_application()
    before = filed.completeness_due_at, filed.decision_due_at
    asked_at, due_at = FIRST_RELEVE + timedelta(days=1), FIRST_RELEVE + timedelta(days=31)
    services.request_completion(
        application=filed, user=screener_of(filed.call), at=asked_at, items=["La délibération"], due_at=due_at
    )
    filed.refresh_from_db()
    assert (filed.completeness_due_at, filed.decision_due_at) == (before[0], before[1] + timedelta(days=30))


@pytest.mark.parametrize(("days", "counted"), [(12, 12), (30, 30), (200, 30)], ids=["early", "on time", "late"])
def test_completion_suspends_the_decision_no_longer_than_the_time_given(db, days, counted):
    filed = submitted_application()
    before = filed.completeness_due_at, filed.decision_due_at
    asked_at = FIRST_RELEVE + timedelta(days=1, hours=5)
    services.request_completion(
        application=filed,
        user=screener_of(filed.call),
        at=asked_at,
        items=["La délibération"],
        due_at=asked_at + timedelta(days=30),
    )
    answered = services.answer_completion(
        application=filed,
        user=applicant_of(filed.organisation),
        at=asked_at + timedelta(days=days),
        message="Voilà.",
    )
    assert answered.state == "submitted"
    assert answered.completeness_due_at - before[0] == timedelta(days=days)
    assert answered.decision_due_at - before[1] == timedelta(days=counted)


def test_request_that_nobody_answers_ends_in_implicit_rejection(db):
    filed = completion_requested_application()
    due_at = filed.decision_due_at
    assert not filed.is_overdue(due_at)
    late = due_at + timedelta(seconds=1)
    assert filed.is_overdue(late)
    rows = Application.objects.all()
    assert list(filtered(rows, {"retard": "decision"}, late)) == [filed]
    assert not filtered(rows, {"retard": "decision"}, due_at)


def test_request_made_too_late_does_not_undo_an_implicit_rejection(db):
    filed = submitted_application()
    screener = screener_of(filed.call)
    asked_at = FIRST_RELEVE + timedelta(days=1)
    asked = {"user": screener, "items": ["La délibération"]}
    services.request_completion(application=filed, at=asked_at, due_at=asked_at + timedelta(days=30), **asked)
    answered_at = add_months(FIRST_RELEVE, 10)
    user = applicant_of(filed.organisation)
    filed = services.answer_completion(application=filed, user=user, at=answered_at, message="Voilà.")
    lapsed = filed.decision_due_at
    late = answered_at + timedelta(days=1)
    assert lapsed < late < filed.completeness_due_at
    with pytest.raises(Refused, match="réputée rejetée"), transaction.atomic():
        services.request_completion(application=filed, at=late, due_at=late + timedelta(days=90), **asked)
    filed.refresh_from_db()
    assert (filed.decision_due_at, filed.state) == (lapsed, "submitted")


def test_migration_counts_the_time_given_once(db):
    """Rows as the version before left them: not yet moved while items are awaited, too late where they came late."""
    migration = import_module("applications.migrations.0008_numbers_and_clocks")
    editor = SimpleNamespace(connection=connection)
    awaiting, late, decided = (completion_requested_application() for _ in range(3))
    due = {row.pk: row.decision_due_at for row in (awaiting, late, decided)}
    request = {row.pk: row.completion_requests.get() for row in (awaiting, late, decided)}
    given = request[awaiting.pk].due_at - request[awaiting.pk].requested_at
    Application.objects.filter(pk=awaiting.pk).update(decision_due_at=due[awaiting.pk] - given)
    for row, state in ((late, "submitted"), (decided, "refused")):
        answered = request[row.pk].due_at + timedelta(days=9)
        CompletionRequest.objects.filter(pk=request[row.pk].pk).update(answered_at=answered, answered_by=row.created_by)
        Application.objects.filter(pk=row.pk).update(
            state=state, decision_due_at=due[row.pk] + timedelta(days=9), decided_at=answered
        )
    migration.count_the_time_given(apps, editor)
    migration.count_late_answers_no_longer(apps, editor)
    found = dict(Application.objects.values_list("pk", "decision_due_at"))
    assert found == {
        awaiting.pk: due[awaiting.pk],
        late.pk: due[late.pk],
        decided.pk: due[decided.pk] + timedelta(days=9),
    }


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_migration_merges_the_series_of_the_same_initials():
    migration = import_module("applications.migrations.0008_numbers_and_clocks")
    NumberSeries.objects.using("owner").bulk_create(
        NumberSeries(code=code, last=last)
        for code, last in (
            ("application:transformation-numerique:2021", 80),
            ("application:transition-numerique-2021:2021", 3),
            ("application:2024:2024", 5),
            ("decisions:2021", 7),
        )
    )
    for _ in range(2):
        migration.number_series_by_prefix(apps, SimpleNamespace(connection=connections["owner"]))
    assert dict(NumberSeries.objects.values_list("code", "last")) == {
        "application:TN-2021": 80,
        "application:DOS-2024": 5,
        "decisions:2021": 7,
    }


def test_dossier_complete_by_silence_is_complete_since_then(db):
    for act in (services.confirm_completeness, services.declare_admissible):
        filed = submitted_application()
        due_at = filed.completeness_due_at
        done = act(application=filed, user=screener_of(filed.call), at=due_at + timedelta(days=9))
        assert done.completed_at == due_at


def pages(client, application):
    """The pages of the applicant and of the service, and the service's list."""
    sign_in(client, applicant_of(application.organisation))
    mine = client.get(reverse("application_detail", args=[application.pk])).content.decode()
    mine_listed = client.get(reverse("application_list")).content.decode()
    sign_in(client, screener_of(application.call))
    theirs = client.get(reverse("screening_detail", args=[application.pk])).content.decode()
    listed = client.get(reverse("screening_list")).content.decode()
    return mine, mine_listed, theirs, listed


def test_implicit_rejection_is_told_to_both_sides_with_the_end_of_the_appeal(client, db):
    filed = submitted_application()
    due_at = filed.decision_due_at
    with time_machine.travel(due_at - timedelta(days=1), tick=False):
        mine, mine_listed, theirs, listed = pages(client, filed)
        assert "réputée rejetée depuis" not in mine + theirs
        assert "Vous n’avez rien à faire" in mine and "Vous n’avez rien à faire" in mine_listed
        assert "Dépassé" not in listed
    with time_machine.travel(due_at + timedelta(days=1), tick=False):
        mine, mine_listed, theirs, listed = pages(client, filed)
        assert "Vous n’avez rien à faire" not in mine + mine_listed
        assert (
            "le service n’a pas décidé à temps" in mine.lower()
            and "le service n’a pas décidé à temps" in mine_listed.lower()
        )
        assert f"Jusqu’au {paris_date(add_months(due_at, 2))}, vous pouvez" in mine
        assert filed.call.appeal_court in mine
        assert "Le délai de décision est dépassé" in theirs and "réputée rejetée depuis" in theirs
        assert "Dépassé" in listed


def test_suspended_clock_is_told_with_its_end_and_then_runs_again(client, db):
    filed = completion_requested_application()
    request = filed.open_completion_request()
    with time_machine.travel(request.due_at - timedelta(days=1), tick=False):
        mine, _, theirs, listed = pages(client, filed)
        for page in (mine, theirs):
            assert f"au plus tard jusqu’au {paris_date(request.due_at)}" in page
            assert f"réputée rejetée le {paris_date(filed.decision_due_at)}" in page
        assert "Suspendu" in listed
    with time_machine.travel(request.due_at + timedelta(days=1), tick=False):
        mine, _, theirs, listed = pages(client, filed)
        for page in (mine, theirs):
            assert "Délai suspendu" not in page
            assert f"Sans réponse le {paris_date(filed.decision_due_at)}" in page
        assert "Suspendu" not in listed


def test_acknowledgement_written_late_states_the_limits_of_the_day_of_reception(db):
    filed = submitted_application()
    limits = filed.completeness_due_at, filed.decision_due_at
    asked_at = FIRST_RELEVE + timedelta(hours=1)
    services.request_completion(
        application=filed,
        user=screener_of(filed.call),
        at=asked_at,
        items=["La délibération"],
        due_at=asked_at + timedelta(days=90),
    )
    acknowledge({"application": str(filed.pk)})
    mail = OutboxMessage.objects.get(dedupe_key=f"mail:application:{filed.pk}:acknowledgement")
    told = mail.payload["context"]
    assert (told["completeness_due"], told["decision_due"]) == tuple(paris_date(limit) for limit in limits)
    assert Acknowledgement.objects.get().sent_at is not None


def test_acknowledgement_that_nobody_can_receive_is_not_said_to_be_sent(db, monkeypatch):
    filed = submitted_application()
    monkeypatch.setattr("applications.notifications.applicant_addresses", lambda application: [])
    acknowledge({"application": str(filed.pk)})
    row = Acknowledgement.objects.get()
    assert row.file is not None
    assert row.sent_at is None
    assert not OutboxMessage.objects.filter(dedupe_key=f"mail:application:{filed.pk}:acknowledgement").exists()

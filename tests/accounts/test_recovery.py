"""A lost factor: two agents, a delay, a notice; never a password alone, never one agent alone."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import hooks, recovery
from accounts.models import Confirmation, FactorRecovery
from core.errors import Refused
from core.models import JournalEntry, OutboxMessage
from tests.factories.accounts import (
    PASSWORD,
    AdministratorFactory,
    AgentFactory,
    UserFactory,
    code_of,
    confirmed,
    sign_in,
)

NOON = datetime(2021, 9, 21, 10, 0, tzinfo=UTC)
State = FactorRecovery.State


def ask(user, at=NOON):
    return recovery.request_recovery(user=user, reason="Téléphone tombé dans la Loire.", at=at)


def approve(request, by, at=NOON):
    digest = recovery.approval_digest(FactorRecovery.objects.get(pk=request.pk))
    confirmed(by, act=recovery.APPROVAL_ACT, content_sha256=digest, at=at)
    return recovery.approve_recovery(recovery=request, by=by, at=at)


def steps_mailed(user):
    rows = OutboxMessage.objects.filter(kind="core.mail", dedupe_key__contains="accounts:recovery")
    assert all(row.payload["to"] == [user.email] for row in rows)
    return [row.payload["context"]["step"] for row in rows.order_by("created_at")]


@pytest.mark.django_db
def test_two_agents_then_the_delay_then_the_factor_goes():
    user = AgentFactory()
    request = ask(user)
    assert approve(request, AdministratorFactory()).state == State.APPROVED_ONCE
    approved = approve(request, AdministratorFactory())
    assert approved.state == State.APPROVED
    assert approved.effective_from == NOON + timedelta(hours=48)
    with pytest.raises(Refused, match="quarante-huit heures"):
        recovery.complete_recovery(recovery=request, at=NOON + timedelta(hours=48, seconds=-1))
    assert Authenticator.objects.filter(user=user).exists()
    done = recovery.complete_recovery(recovery=request, at=NOON + timedelta(hours=48))
    assert done.state == State.COMPLETED
    assert not Authenticator.objects.filter(user=user).exists()
    assert steps_mailed(user) == ["requested", "approved_once", "approved", "completed"]
    entries = JournalEntry.objects.filter(chain=f"person:{user.pk}").order_by("number")
    assert [entry.action for entry in entries] == [
        "second_factor_recovery_requested",
        "second_factor_recovery_approved",
        "second_factor_recovery_approved",
        "second_factor_removed",
    ]


@pytest.mark.django_db
def test_one_agent_is_not_enough():
    user, agent = AgentFactory(), AdministratorFactory()
    request = ask(user)
    approve(request, agent)
    with pytest.raises(Refused, match="autre agent"):
        approve(request, agent)
    with pytest.raises(Refused, match="deux accords"):
        recovery.complete_recovery(recovery=request, at=NOON + timedelta(days=30))
    assert FactorRecovery.objects.get().state == State.APPROVED_ONCE
    assert Authenticator.objects.filter(user=user).exists()


@pytest.mark.django_db
def test_agreement_needs_the_agents_own_second_factor():
    request, agent = ask(AgentFactory()), AdministratorFactory()
    with pytest.raises(Refused, match="pas confirmé"):
        recovery.approve_recovery(recovery=request, by=agent, at=NOON)
    assert FactorRecovery.objects.get().state == State.REQUESTED


@pytest.mark.django_db
def test_confirmation_of_the_first_step_does_not_serve_for_the_second():
    request, agents = ask(AgentFactory()), [AdministratorFactory(), AdministratorFactory()]
    digest = recovery.approval_digest(request)
    for agent in agents:
        confirmed(agent, act=recovery.APPROVAL_ACT, content_sha256=digest, at=NOON)
    recovery.approve_recovery(recovery=request, by=agents[0], at=NOON)
    stale = FactorRecovery.objects.get()
    with pytest.raises(Refused, match="pas confirmé"):
        recovery.approve_recovery(recovery=stale, by=agents[1], at=NOON)


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["self", "applicant"])
def test_who_may_not_agree_is_refused(who):
    user = AdministratorFactory()
    request = ask(user)
    by = user if who == "self" else UserFactory(second_factor=True)
    with pytest.raises(Refused):
        approve(request, by)
    assert FactorRecovery.objects.get().state == State.REQUESTED


@pytest.mark.django_db
def test_rule_of_a_room_above_replaces_ours(monkeypatch):
    chosen = UserFactory(second_factor=True)
    monkeypatch.setattr(hooks, "recovery_approver", lambda user: user.pk == chosen.pk)
    request = ask(AgentFactory())
    assert approve(request, chosen).state == State.APPROVED_ONCE
    with pytest.raises(Refused):
        approve(request, AdministratorFactory())


@pytest.mark.django_db
@pytest.mark.parametrize("approvals", [0, 1, 2])
def test_person_can_stop_it_at_any_moment(approvals):
    user = AgentFactory()
    request = ask(user)
    for _ in range(approvals):
        approve(request, AdministratorFactory())
    recovery.cancel_recovery(recovery=request, by=None, at=NOON)
    with pytest.raises(Refused):
        recovery.complete_recovery(recovery=request, at=NOON + timedelta(days=3))
    with pytest.raises(Refused):
        recovery.cancel_recovery(recovery=request, by=None, at=NOON)
    assert Authenticator.objects.filter(user=user).exists()
    assert ask(user).pk != request.pk


@pytest.mark.django_db
def test_only_one_open_request():
    user = AgentFactory()
    ask(user)
    with pytest.raises(Refused, match="déjà en cours"):
        ask(user)
    with pytest.raises(IntegrityError), transaction.atomic():
        FactorRecovery.objects.create(user=user, reason="x", requested_at=NOON)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("first_is_another", "first_approved_by_id = user_id"),
        ("second_is_another", "first_approved_by_id = {a}, second_approved_by_id = {a}"),
        ("approved_by_two", "state = 'approved', first_approved_by_id = {a}"),
        (
            "delay_elapsed",
            "state = 'completed', first_approved_by_id = {a}, second_approved_by_id = {b}, "
            "second_approved_at = now(), effective_from = now() + interval '2 days', completed_at = now()",
        ),
    ],
)
def test_database_refuses_the_impossible(constraint, change):
    ask(AgentFactory())
    a, b = AdministratorFactory(), AdministratorFactory()
    with pytest.raises(IntegrityError, match=f"accounts_factorrecovery_{constraint}"), transaction.atomic():
        connection.cursor().execute(f"UPDATE accounts_factorrecovery SET {change.format(a=a.pk, b=b.pk)}")


@pytest.mark.django_db
def test_pages_from_loss_to_a_new_factor(client_factory):
    user = AgentFactory()
    person = client_factory()
    # A stranger without the password cannot even ask.
    assert person.get(reverse("recovery_request")).url.startswith(reverse("account_login"))
    person.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert person.post(reverse("recovery_request"), {"reason": ""}).status_code == 200
    person.post(reverse("recovery_request"), {"reason": "Téléphone perdu. Standard : 02 00 00 00 00."})
    assert "attend l’accord de deux agents" in person.get(reverse("recovery_request")).content.decode()
    request = FactorRecovery.objects.get()
    for agent in (AdministratorFactory(), AdministratorFactory()):
        browser = client_factory()
        sign_in(browser, agent)
        assert str(user) in browser.get(reverse("recovery_list")).content.decode()
        page = reverse("recovery_approve", kwargs={"pk": request.pk})
        assert browser.post(page, {"confirmation_code": ""}).status_code == 200
        assert browser.post(page, {"confirmation_code": code_of(agent)}).url == reverse("recovery_list")
    person.post(reverse("recovery_complete"))
    assert Authenticator.objects.filter(user=user).exists(), "the delay has not passed"
    long_ago = timezone.now() - timedelta(days=3)
    FactorRecovery.objects.update(second_approved_at=long_ago, effective_from=long_ago + timedelta(hours=48))
    person.post(reverse("recovery_complete"))
    assert not Authenticator.objects.filter(user=user).exists()
    person.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert person.get(reverse("account_home")).url == reverse("mfa_index")


@pytest.mark.django_db
def test_removal_ends_every_session(client_factory):
    user = AgentFactory()
    browser = client_factory()
    sign_in(browser, user)
    assert browser.get(reverse("account_home")).status_code == 200
    request = ask(user)
    for _ in range(2):
        approve(request, AdministratorFactory())
    recovery.complete_recovery(recovery=request, at=NOON + timedelta(days=3))
    assert browser.get(reverse("account_home")).url.startswith(reverse("account_login"))


@pytest.mark.django_db
def test_link_of_the_mail_stops_the_request(client):
    user = AgentFactory()
    request = ask(user, at=timezone.now())
    mail = OutboxMessage.objects.get(dedupe_key__contains="accounts:recovery")
    path = mail.payload["context"]["cancel_path"]
    assert client.get(path).status_code == 200
    assert FactorRecovery.objects.get().state == State.REQUESTED, "GET changes nothing"
    client.post(path)
    request = FactorRecovery.objects.get(pk=request.pk)
    assert request.state == State.CANCELLED
    assert client.get(path[:-3] + "x/").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["recovery_list", "recovery_approve"])
def test_requests_do_not_exist_for_others(client, name):
    request = ask(AgentFactory())
    sign_in(client, UserFactory())
    kwargs = {"pk": request.pk} if name == "recovery_approve" else {}
    assert client.get(reverse(name, kwargs=kwargs)).status_code == 404


@pytest.mark.django_db
def test_list_of_requests_costs_the_same_whatever_its_length(client):
    sign_in(client, AdministratorFactory())
    client.get(reverse("recovery_list"))  # the first page of a session also registers it
    costs = []
    for rows in (1, 3, 30):
        while FactorRecovery.objects.count() < rows:
            now = timezone.now()
            approve(ask(UserFactory(second_factor=True), at=now), AdministratorFactory(), at=now)
        with CaptureQueriesContext(connection) as queries:
            page = client.get(reverse("recovery_list"))
        assert page.content.decode().count("Examiner") == rows
        costs.append(len(queries))
    assert len(set(costs)) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("end", ["completed", "cancelled", "approved"])
def test_agreement_to_a_request_that_waits_for_none_is_told_in_a_sentence(client, end):
    request, agent = ask(AgentFactory()), AdministratorFactory()
    if end == "cancelled":
        recovery.cancel_recovery(recovery=request, by=None, at=NOON)
    else:
        for _ in range(2):
            approve(request, AdministratorFactory())
    if end == "completed":
        recovery.complete_recovery(recovery=request, at=NOON + timedelta(hours=48))
    before = FactorRecovery.objects.values().get()
    with pytest.raises(Refused, match="n’attend plus d’accord"):
        approve(request, agent)
    sign_in(client, agent)
    page = client.post(reverse("recovery_approve", kwargs={"pk": request.pk}), {"confirmation_code": code_of(agent)})
    assert page.status_code == 200
    # Of 2021: nobody came to use the agreement.
    ended = {"completed": "exécutée", "cancelled": "annulée", "approved": "expirée"}[end]
    assert f"Cette demande est terminée&nbsp;: {ended}." in page.content.decode()
    assert FactorRecovery.objects.values().get() == before
    assert Confirmation.objects.filter(user=agent, used_at__isnull=False).count() == 0


@pytest.mark.django_db
def test_agreement_to_one_request_does_not_serve_for_another():
    first, second = ask(AgentFactory()), ask(AgentFactory())
    agent = AdministratorFactory()
    confirmed(agent, act=recovery.APPROVAL_ACT, content_sha256=recovery.approval_digest(first), at=NOON)
    with pytest.raises(Refused, match="pas confirmé"):
        recovery.approve_recovery(recovery=second, by=agent, at=NOON)
    assert set(FactorRecovery.objects.values_list("state", flat=True)) == {State.REQUESTED}
    assert recovery.approve_recovery(recovery=first, by=agent, at=NOON).state == State.APPROVED_ONCE


@pytest.mark.django_db
def test_link_of_the_mail_serves_as_long_as_the_request(client):
    user, now = AgentFactory(), timezone.now()
    request = ask(user, at=now)
    path = reverse("recovery_cancel", args=[recovery.cancellation_token(request)])
    with time_machine.travel(now + timedelta(days=29), tick=False):
        for _ in range(2):
            approve(request, AdministratorFactory(), at=timezone.now())
    # Thirty-seven days after the first mail, an hour before the removal closes.
    with time_machine.travel(now + timedelta(days=29 + 9, hours=-1), tick=False):
        assert "Arrêter cette demande" in client.get(path).content.decode()
        client.post(path)
    assert FactorRecovery.objects.get().state == State.CANCELLED
    page = client.get(path).content.decode()
    assert "déjà terminée" in page
    assert "Arrêter cette demande" not in page


@pytest.mark.django_db
def test_request_in_progress_is_the_open_one_not_an_older_one():
    user = AgentFactory()
    recovery.cancel_recovery(recovery=ask(user), by=None, at=NOON)
    assert recovery.open_recovery_of(user, NOON) is None
    present = ask(user)
    assert recovery.open_recovery_of(user, NOON) == present


@pytest.mark.django_db
def test_removal_is_for_who_typed_their_password_and_is_a_post(client):
    user = AgentFactory()
    lately = timezone.now() - timedelta(days=3)
    request = ask(user, at=lately)
    for _ in range(2):
        approve(request, AdministratorFactory(), at=lately)
    # A visitor names nobody, and a person signed in is past that step.
    assert client.post(reverse("recovery_complete")).url.startswith(reverse("account_login"))
    sign_in(client, user)
    assert client.post(reverse("recovery_complete")).status_code == 302
    client.logout()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert client.get(reverse("recovery_complete")).status_code == 405
    assert FactorRecovery.objects.get().state == State.APPROVED
    assert Authenticator.objects.filter(user=user).exists()


@pytest.mark.django_db
def test_closed_agents_and_closed_requests_leave_the_list(client, monkeypatch):
    now = timezone.now()
    waiting, over = (ask(UserFactory(last_name=name), at=now) for name in ("Attend", "Fini"))
    recovery.cancel_recovery(recovery=over, by=None, at=NOON)
    sign_in(client, AdministratorFactory())
    page = client.get(reverse("recovery_list")).content.decode()
    assert str(waiting.user) in page
    assert str(over.user) not in page
    # This room's own rule, when no room above gives another.
    monkeypatch.setattr(hooks, "recovery_approver", hooks._is_administrator)
    assert hooks.may_approve_recovery(AdministratorFactory())
    closed = AdministratorFactory(is_active=False)
    assert not hooks.may_approve_recovery(closed)
    assert not hooks.may_approve_recovery(AgentFactory())
    with pytest.raises(Refused, match="agent habilité"):
        approve(waiting, closed, at=now)
    assert FactorRecovery.objects.get(pk=waiting.pk).state == State.REQUESTED

"""A request about a lost factor ends: unused, the factor found again, stopped by its person, refused by an agent."""

import html
from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.db import IntegrityError, connection, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts import closing, hooks, recovery, totp
from accounts.models import FactorRecovery, User
from accounts.tasks import forget_expired_task
from core.errors import Refused
from core.models import JournalEntry, OutboxMessage
from tests.accounts.test_recovery import NOON, State, approve, ask, steps_mailed
from tests.factories.accounts import (
    PASSWORD,
    AdministratorFactory,
    AgentFactory,
    UserFactory,
    code_of,
    confirmed,
    sign_in,
)

pytestmark = pytest.mark.django_db

OPEN_FROM = NOON + timedelta(hours=48)
LAST_INSTANT = OPEN_FROM + timedelta(days=7, microseconds=-1)


def approved(user, at=NOON):
    request = ask(user, at=at)
    for _ in range(2):
        approve(request, AdministratorFactory(), at=at)
    return request


def last_entry(user):
    return JournalEntry.objects.filter(chain=f"person:{user.pk}").order_by("number").last()


def last_mail():
    return OutboxMessage.objects.filter(kind="core.mail").latest("created_at").payload["context"]


def test_agreement_serves_seven_days_to_the_instant():
    user = AgentFactory()
    request = approved(user)
    with pytest.raises(Refused, match="a expiré"):
        recovery.complete_recovery(recovery=request, at=LAST_INSTANT + timedelta(microseconds=1))
    assert Authenticator.objects.filter(user=user).exists()
    assert FactorRecovery.objects.get().state == State.APPROVED
    assert recovery.complete_recovery(recovery=request, at=LAST_INSTANT).state == State.COMPLETED


def test_database_refuses_a_removal_a_week_after_the_delay():
    request = approved(AgentFactory())
    with pytest.raises(IntegrityError, match="accounts_factorrecovery_not_lapsed"), transaction.atomic():
        connection.cursor().execute(
            "UPDATE accounts_factorrecovery SET state = 'completed', "
            "completed_at = effective_from + interval '7 days' WHERE id = %s",
            [request.pk],
        )
    recovery.complete_recovery(recovery=request, at=LAST_INSTANT)


def test_old_agreement_removes_nothing_and_a_new_request_may_be_made(client):
    user = AgentFactory()
    old = approved(user, at=timezone.now() - timedelta(days=10))
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    client.post(reverse("recovery_complete"))
    assert Authenticator.objects.filter(user=user).exists()
    page = client.get(reverse("recovery_request")).content.decode()
    assert "Envoyer ma demande" in page
    client.post(reverse("recovery_request"), {"reason": "Toujours pas retrouvé."})
    assert FactorRecovery.objects.get(pk=old.pk).state == State.LAPSED
    assert recovery.open_recovery_of(user, timezone.now()).reason == "Toujours pas retrouvé."
    assert "lapsed" in steps_mailed(user)


@pytest.mark.parametrize("agreements", [0, 1])
def test_request_waits_thirty_days_for_its_agreements(agreements):
    user, late = AgentFactory(), NOON + timedelta(days=30)
    request = ask(user)
    for _ in range(agreements):
        approve(request, AdministratorFactory())
    assert recovery.open_recovery_of(user, late - timedelta(microseconds=1)) == request
    assert recovery.open_recovery_of(user, late) is None
    with pytest.raises(Refused, match="n’attend plus d’accord"):
        approve(request, AdministratorFactory(), at=late)
    assert approve(request, AdministratorFactory(), at=late - timedelta(microseconds=1)).first_approved_by


def test_unused_requests_are_closed_each_night_and_their_people_told():
    overdue, waiting, usable = AgentFactory(), AgentFactory(), AgentFactory()
    now = timezone.now()
    approved(overdue, at=now - timedelta(days=9, minutes=1))
    ask(waiting, at=now - timedelta(days=29))
    approved(usable, at=now - timedelta(days=8))
    with time_machine.travel(now, tick=False):
        forget_expired_task()
        forget_expired_task()
    states = dict(FactorRecovery.objects.values_list("user_id", "state"))
    assert states == {overdue.pk: State.LAPSED, waiting.pk: State.REQUESTED, usable.pk: State.APPROVED}
    assert FactorRecovery.objects.get(user=overdue).lapsed_at == now
    entry = last_entry(overdue)
    assert (entry.action, entry.actor_id, entry.to_state) == ("second_factor_recovery_lapsed", None, State.LAPSED)
    assert JournalEntry.objects.filter(action=entry.action).count() == 1
    (mail,) = OutboxMessage.objects.filter(dedupe_key__contains="accounts:recovery", dedupe_key__endswith=":lapsed")
    assert mail.payload["to"] == [overdue.email]


def test_request_not_yet_overdue_is_left_alone():
    request = approved(AgentFactory())
    assert recovery.lapse_recovery(recovery=request, at=LAST_INSTANT).state == State.APPROVED
    recovery.cancel_recovery(recovery=request, by=None, at=NOON)
    assert recovery.lapse_recovery(recovery=request, at=LAST_INSTANT + timedelta(days=1)).state == State.CANCELLED


@pytest.mark.parametrize("agreements", [0, 2])
def test_signing_in_with_the_factor_said_to_be_lost_stops_the_request(client, agreements):
    user, now = AgentFactory(), timezone.now()
    request = ask(user, at=now)
    for _ in range(agreements):
        approve(request, AdministratorFactory(), at=now)
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert FactorRecovery.objects.get().state != State.CANCELLED, "a password alone stops nothing"
    client.post(reverse("mfa_authenticate"), {"code": code_of(user)})
    assert FactorRecovery.objects.get().state == State.CANCELLED
    entry = last_entry(user)
    assert (entry.action, entry.actor_id, entry.reason) == (
        "second_factor_recovery_cancelled",
        user.pk,
        recovery.FACTOR_FOUND,
    )
    assert last_mail()["step"] == "found"
    client.post(reverse("recovery_complete"))
    assert Authenticator.objects.filter(user=user).exists()


def test_signing_in_with_a_code_written_on_paper_leaves_the_request(client):
    user = AgentFactory()
    RecoveryCodes.activate(user)
    code = Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes()[0]
    ask(user, at=timezone.now())
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert client.session["_auth_user_id"] == str(user.pk)
    assert FactorRecovery.objects.get().state == State.REQUESTED


def test_signing_in_stops_nobody_else_s_request(client):
    request, user = ask(AgentFactory(), at=timezone.now()), AgentFactory()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    client.post(reverse("mfa_authenticate"), {"code": code_of(user)})
    assert FactorRecovery.objects.get(pk=request.pk).state == State.REQUESTED


def test_my_account_shows_the_request_in_progress_and_stops_it(client):
    user, other = AgentFactory(), AgentFactory()
    sign_in(client, user)
    home, stop = reverse("account_home"), reverse("recovery_stop")
    theirs = ask(other, at=timezone.now())
    assert "Arrêter cette demande" not in client.get(home).content.decode()
    assert client.post(stop, follow=True).redirect_chain[-1][0] == home
    assert FactorRecovery.objects.get(pk=theirs.pk).state == State.REQUESTED
    mine = approved(user, at=timezone.now())
    page = client.get(home).content.decode()
    assert f'action="{stop}"' in page
    assert client.get(stop).status_code == 405
    assert "est arrêtée" in client.post(stop, follow=True).content.decode()
    assert FactorRecovery.objects.get(pk=mine.pk).state == State.CANCELLED
    assert last_entry(user).actor_id == user.pk
    assert "Arrêter cette demande" not in client.get(home).content.decode()


def test_person_stops_no_request_of_somebody_else():
    request = ask(AgentFactory())
    with pytest.raises(Refused, match="pas la vôtre"):
        recovery.cancel_recovery(recovery=request, by=AgentFactory(), at=NOON)
    assert FactorRecovery.objects.get().state == State.REQUESTED


@pytest.mark.parametrize("agreements", [0, 2])
def test_agent_refuses_a_request_and_the_person_reads_why(client, agreements):
    user, agent, now = AgentFactory(), AdministratorFactory(), timezone.now()
    request = ask(user, at=now)
    for _ in range(agreements):
        approve(request, AdministratorFactory(), at=now)
    sign_in(client, agent)
    page = reverse("recovery_refuse", kwargs={"pk": request.pk})
    assert page in client.get(reverse("recovery_approve", kwargs={"pk": request.pk})).content.decode()
    assert client.get(page).status_code == 200
    assert client.post(page, {"refusal_reason": " "}).status_code == 200
    assert FactorRecovery.objects.get().state != State.CANCELLED
    why = "Au téléphone, la personne dit n’avoir rien demandé."
    assert client.post(page, {"refusal_reason": why}).url == reverse("recovery_list")
    assert FactorRecovery.objects.get().state == State.CANCELLED
    entry = last_entry(user)
    assert (entry.action, entry.actor_id, entry.reason) == ("second_factor_recovery_refused", agent.pk, why)
    assert (last_mail()["step"], last_mail()["reason"]) == ("refused", why)
    assert "déjà terminée" in client.get(page).content.decode()
    assert "déjà terminée" in client.post(page, {"refusal_reason": why}).content.decode()
    assert JournalEntry.objects.filter(action="second_factor_recovery_refused").count() == 1
    with pytest.raises(Refused):
        recovery.complete_recovery(recovery=request, at=now + timedelta(days=3))


def test_refusal_is_for_agents_who_decide(client):
    request, person = ask(AgentFactory(), at=timezone.now()), UserFactory(second_factor=True)
    sign_in(client, person)
    page = reverse("recovery_refuse", kwargs={"pk": request.pk})
    assert client.get(page).status_code == 404
    assert client.post(page, {"refusal_reason": "x"}).status_code == 404
    with pytest.raises(Refused, match="agent habilité"):
        recovery.refuse_recovery(recovery=request, by=person, reason="x", at=NOON)
    assert FactorRecovery.objects.get().state == State.REQUESTED


def test_lapsed_request_leaves_the_list_and_its_page_offers_nothing(client):
    request = approved(AgentFactory(), at=timezone.now() - timedelta(days=10))
    sign_in(client, AdministratorFactory())
    assert "Aucune demande en cours" in client.get(reverse("recovery_list")).content.decode()
    page = client.get(reverse("recovery_approve", kwargs={"pk": request.pk})).content.decode()
    assert "Refuser la demande" not in page
    assert "Donner mon accord" not in page


@pytest.mark.parametrize("how", ["enrolled", "shown", "act"])
def test_factor_enrolled_or_shown_since_the_request_is_not_removed(how):
    user = AgentFactory()
    request = approved(user)
    later = NOON + timedelta(hours=1)
    if how == "act":
        confirmed(user, act="any", content_sha256="0" * 64, at=later)
    else:
        column = "created_at" if how == "enrolled" else "last_used_at"
        Authenticator.objects.filter(user=user).update(**{column: later})
    with pytest.raises(Refused, match="rien n’est retiré"):
        recovery.complete_recovery(recovery=request, at=OPEN_FROM)
    assert Authenticator.objects.filter(user=user).exists()
    assert FactorRecovery.objects.get().state == State.APPROVED


def test_enrolling_another_factor_stops_the_request(client):
    user = AgentFactory()
    RecoveryCodes.activate(user)
    paper = Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes()[0]
    request = ask(user, at=timezone.now())
    for _ in range(2):
        approve(request, AdministratorFactory(), at=timezone.now())
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    client.post(reverse("mfa_authenticate"), {"code": paper})
    client.post(reverse("mfa_deactivate_totp"))
    Authenticator.objects.filter(user=user, type="totp").delete()
    secret = client.get(reverse("mfa_activate_totp")).context["form"].secret
    client.post(reverse("mfa_activate_totp"), {"code": totp.code_at(secret=secret, at=timezone.now())})
    assert Authenticator.objects.filter(user=user, type="totp").exists()
    assert FactorRecovery.objects.get().state == State.CANCELLED
    assert last_entry(user).reason == recovery.FACTOR_RENEWED
    assert "nouvelle seconde vérification" in render_to_string("emails/accounts/recovery.txt", last_mail())


def test_closing_an_account_ends_its_request_and_shuts_the_first_step(client):
    user, agent = AgentFactory(), AdministratorFactory()
    request = approved(user)
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert client.get(reverse("recovery_request")).status_code == 200
    closing.close_account(user=user, by=agent, reason="Départ.", at=NOON)
    assert FactorRecovery.objects.get(pk=request.pk).state == State.CANCELLED
    assert client.post(reverse("recovery_request"), {"reason": "Perdu."}).status_code == 403
    assert client.post(reverse("recovery_complete")).status_code == 403
    assert FactorRecovery.objects.count() == 1


def test_agent_whose_account_was_closed_meanwhile_decides_nothing():
    request, agent = ask(AgentFactory()), AdministratorFactory()
    User.objects.filter(pk=agent.pk).update(is_active=False)
    with pytest.raises(Refused, match="agent habilité"):
        approve(request, agent)
    with pytest.raises(Refused, match="agent habilité"):
        recovery.refuse_recovery(recovery=request, by=agent, reason="Non.", at=NOON)
    assert FactorRecovery.objects.get().state == State.REQUESTED


def test_agreement_for_the_operator_is_the_operators(client, monkeypatch):
    request, agent = ask(AdministratorFactory(), at=timezone.now()), AgentFactory()
    monkeypatch.setattr(hooks, "recovery_approver", lambda user: True)
    with pytest.raises(Refused, match="compte de l’exploitant"):
        approve(request, agent)
    sign_in(client, agent)
    page = client.get(reverse("recovery_approve", args=[request.pk])).content.decode()
    assert "compte de l’exploitant" in page
    assert "Donner mon accord" not in page


def test_page_of_a_request_says_when_it_serves_and_how_it_ended(client):
    request = approved(AgentFactory())
    sign_in(client, AdministratorFactory())
    page = reverse("recovery_approve", args=[request.pk])
    for at, said in (
        (NOON, "du 23 septembre 2021 à 12 h 00 au 30 septembre 2021 à 12 h 00"),
        (OPEN_FROM, "sa vérification jusqu’au 30 septembre 2021"),
        (LAST_INSTANT + timedelta(seconds=1), "est terminée : expirée"),
    ):
        with time_machine.travel(at, tick=False):
            assert said in " ".join(html.unescape(client.get(page).content.decode()).split())
    recovery.cancel_recovery(recovery=request, by=None, at=NOON)
    assert "annulée" in client.get(page).content.decode()

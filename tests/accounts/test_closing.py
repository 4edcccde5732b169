"""An account is closed by an agent, with a reason that stays, and its sessions end at once."""

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts import closing, confirmations, hooks
from accounts.models import User
from core.errors import Refused
from core.models import JournalEntry, OutboxMessage
from tests.concurrency import while_uncommitted
from tests.factories.accounts import PASSWORD, AdministratorFactory, AgentFactory, UserFactory, code_of, sign_in

pytestmark = pytest.mark.django_db

WHY = "Départ du service."


def page_of(name, user):
    return reverse(name, kwargs={"pk": user.pk})


def entries(user):
    return [
        (entry.action, entry.actor_id, entry.reason)
        for entry in JournalEntry.objects.filter(chain=f"person:{user.pk}").order_by("number")
    ]


def mailed(user):
    rows = OutboxMessage.objects.filter(kind="core.mail", dedupe_key__contains=f"accounts:closing:{user.pk}:")
    assert all(row.payload["to"] == [user.email] for row in rows)
    return [row.payload["context"] for row in rows.order_by("created_at")]


def test_closing_ends_the_sessions_and_shuts_the_door_until_it_is_opened_again(client, client_factory):
    user, agent = UserFactory(), AdministratorFactory()
    browser = client_factory()
    browser.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert browser.get(reverse("account_home")).status_code == 200
    key = browser.session.session_key
    sign_in(client, agent)
    assert reverse("account_find") in client.get(reverse("account_home")).content.decode()
    found = client.post(reverse("account_find"), {"email": f" {user.email.upper()} "})
    assert found.url == page_of("account_close", user)
    assert user.email in client.get(found.url).content.decode()
    assert User.objects.get(pk=user.pk).is_active, "GET changes nothing"
    assert client.post(found.url, {"closing_reason": " "}).status_code == 200
    assert User.objects.get(pk=user.pk).is_active
    assert client.post(found.url, {"closing_reason": WHY}).url == reverse("account_find")
    assert not User.objects.get(pk=user.pk).is_active
    assert not browser.session.exists(key)
    assert browser.get(reverse("account_home")).url.startswith(reverse("account_login"))
    browser.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert "_auth_user_id" not in browser.session
    assert client.post(reverse("account_find"), {"email": user.email}).url == page_of("account_reopen", user)
    assert client.post(page_of("account_reopen", user), {"closing_reason": "Retour."}).status_code == 302
    browser.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert browser.session["_auth_user_id"] == str(user.pk)
    assert entries(user) == [("account_closed", agent.pk, WHY), ("account_reopened", agent.pk, "Retour.")]
    assert mailed(user) == [{"is_open": False, "reason": WHY}, {"is_open": True, "reason": "Retour."}]


@pytest.mark.parametrize("name", ["account_find", "account_close", "account_reopen"])
def test_accounts_of_others_do_not_exist_for_who_may_not_close_them(client, name):
    user = UserFactory(is_active=name != "account_reopen")
    sign_in(client, AgentFactory())
    address = reverse(name) if name == "account_find" else page_of(name, user)
    assert client.get(address).status_code == 404
    assert client.post(address, {"closing_reason": WHY, "email": user.email}).status_code == 404
    assert User.objects.get(pk=user.pk).is_active == user.is_active


@pytest.mark.parametrize("act", [closing.close_account, closing.reopen_account])
def test_refusals_change_nothing(act, monkeypatch):
    agent = AdministratorFactory()
    user = UserFactory(is_active=act is closing.reopen_account)
    for by, person, sentence in (
        (AgentFactory(), user, "agent habilité"),
        (agent, agent, "votre propre compte"),
        (agent, user, "est ouvert" if act is closing.reopen_account else "déjà fermé"),
    ):
        before = User.objects.get(pk=person.pk).is_active
        with pytest.raises(Refused, match=sentence):
            act(user=person, by=by, reason=WHY, at=timezone.now())
        assert User.objects.get(pk=person.pk).is_active == before
    assert entries(user) == []
    assert mailed(user) == []
    monkeypatch.setattr(hooks, "recovery_approver", lambda by: True)
    other = closing.reopen_account if act is closing.close_account else closing.close_account
    assert other(user=user, by=AgentFactory(), reason=WHY, at=timezone.now()).is_active != user.is_active


def test_pages_say_that_there_is_nothing_to_do(client):
    closed, opened = UserFactory(is_active=False), UserFactory()
    sign_in(client, AdministratorFactory())
    assert "déjà fermé" in client.get(page_of("account_close", closed)).content.decode()
    assert "déjà fermé" in client.post(page_of("account_close", closed), {"closing_reason": WHY}).content.decode()
    assert "Ce compte est ouvert" in client.get(page_of("account_reopen", opened)).content.decode()
    page = client.post(reverse("account_find"), {"email": "personne@example.fr"}).content.decode()
    assert "Aucun compte" in page
    assert client.get(page_of("account_close", User(pk=987654321))).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_two_agents_who_close_at_once_close_once():
    user, agents = UserFactory(), [AdministratorFactory(), AdministratorFactory()]

    def close(by):
        closing.close_account(user=user, by=by, reason=WHY, at=timezone.now())

    assert while_uncommitted(lambda: close(agents[0]), lambda: close(agents[1])) == ["Ce compte est déjà fermé."]
    assert entries(user) == [("account_closed", agents[0].pk, WHY)]


def test_person_between_two_steps_of_sign_in_does_not_enter(client):
    user = UserFactory(second_factor=True)
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    closing.close_account(user=user, by=AdministratorFactory(), reason=WHY, at=timezone.now())
    client.post(reverse("mfa_authenticate"), {"code": code_of(user)})
    assert client.get(reverse("account_home")).url.startswith(reverse("account_login"))


def test_account_of_the_operator_is_out_of_an_agents_reach(client, monkeypatch):
    operator, agent = AdministratorFactory(), AgentFactory()
    monkeypatch.setattr(hooks, "may_close_accounts", lambda user: True)
    sign_in(client, agent)
    refused = client.post(page_of("account_close", operator), {"closing_reason": WHY})
    assert "adressez-vous à lui" in refused.content.decode()
    operator.refresh_from_db()
    assert operator.is_active
    other = AdministratorFactory()
    closing.close_account(user=operator, by=other, reason=WHY, at=timezone.now())
    operator.refresh_from_db()
    assert not operator.is_active


@pytest.mark.django_db(transaction=True)
def test_two_operators_who_close_each_other_leave_one():
    first, second = AdministratorFactory(), AdministratorFactory()

    def close(user, by):
        return lambda: closing.close_account(user=user, by=by, reason=WHY, at=timezone.now())

    assert while_uncommitted(close(first, second), close(second, first)) == [
        "Seul un agent habilité peut fermer ou rouvrir un compte."
    ]
    assert User.objects.filter(is_superuser=True, is_active=True).count() == 1


def test_factor_that_no_key_reads_is_told_as_such(client, settings, caplog):
    user = UserFactory(second_factor=True)
    secret, code = settings.SECRET_KEY, code_of(user)
    settings.SECRET_KEY = "another key, and the former one forgotten"
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    page = client.post(reverse("mfa_authenticate"), {"code": code}).content.decode()
    assert "ne peut plus lire votre seconde vérification" in page
    assert "second_factor_unreadable" in caplog.text
    with pytest.raises(Refused, match="ne peut plus lire"):
        confirmations.confirm_act(user=user, act="any", content_sha256="0" * 64, code=code, at=timezone.now())
    settings.SECRET_KEY = secret
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    client.post(reverse("mfa_authenticate"), {"code": code_of(user)})
    assert client.session["_auth_user_id"] == str(user.pk)

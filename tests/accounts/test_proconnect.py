"""ProConnect against a local OpenID provider: what is asked, what is believed, whom it lets in."""

import re
import time
from html import unescape
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import AnonymousUser
from django.urls import reverse

from accounts import hooks, proconnect
from accounts.models import User
from core.models import OutboxMessage
from tests.accounts.openid_provider import CLIENT_ID, CLIENT_SECRET, PERSON, running
from tests.factories.accounts import PASSWORD, UserFactory, code_of, sign_in


@pytest.fixture
def provider(settings):
    with running() as here:
        app = {
            "provider_id": "proconnect",
            "name": "ProConnect",
            "client_id": CLIENT_ID,
            "secret": CLIENT_SECRET,
            "settings": {
                "server_url": here.url,
                "scope": ["openid", "given_name", "usual_name", "email", "siret"],
                "oauth_pkce_enabled": True,
                "auth_params": {"acr_values": "eidas1"},
            },
        }
        settings.SOCIALACCOUNT_PROVIDERS = {"proconnect": {"APPS": [app]}}
        settings.SITE_URL = "http://testserver"
        yield here


def leave(client, **query):
    """The address to which the sign-in page sends the browser."""
    page = client.post(reverse("proconnect_login", query=query))
    assert page.status_code == 200
    return unescape(re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.content.decode()).group(1))


def come_back(client, address):
    return client.get(address.removeprefix("http://testserver"))


def through(client, provider, **query):
    return come_back(client, provider.authorize(leave(client, **query)))


def signed_in_as(client):
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk) if pk else None


def link(user, sub=PERSON["sub"]):
    return SocialAccount.objects.create(user=user, provider="proconnect", uid=sub)


def code_of_mail():
    body = OutboxMessage.objects.filter(kind="core.mail").latest("created_at").payload["context"]["body"]
    return re.search(r"[A-Z]{4}-[A-Z]{4}", body).group()


@pytest.mark.django_db
def test_button_only_when_configured(client, settings, provider):
    assert "ProConnect" in client.get(reverse("account_login")).content.decode()
    settings.SOCIALACCOUNT_PROVIDERS = {"proconnect": {"APPS": []}}
    assert "ProConnect" not in client.get(reverse("account_login")).content.decode()
    assert client.post(reverse("proconnect_login")).status_code == 404
    assert client.get(reverse("proconnect_callback")).status_code == 404


@pytest.mark.django_db
def test_request_carries_state_nonce_and_pkce_and_nothing_from_the_address_bar(client, provider):
    first = parse_qs(urlsplit(leave(client, scope="admin", auth_params="prompt=none")).query)
    second = parse_qs(urlsplit(leave(client)).query)
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) >= 16
        assert first[name] != second[name]
    assert set(first["scope"][0].split()) == {"openid", "given_name", "usual_name", "email", "siret"}
    assert first["acr_values"] == ["eidas1"]
    assert "prompt" not in first
    assert first["redirect_uri"] == ["http://testserver/compte/proconnect/retour/"]


@pytest.mark.django_db
def test_login_is_a_post(client, provider):
    assert client.get(reverse("proconnect_login")).status_code == 405


@pytest.mark.django_db
def test_new_person_verifies_their_address_then_is_announced(client, provider, monkeypatch):
    announced = []
    monkeypatch.setattr(hooks, "on_identity", [lambda user, claims, at: announced.append((user, claims, at))])
    response = through(client, provider)
    assert response.url == reverse("account_email_verification_sent")
    assert signed_in_as(client) is None
    assert announced == []
    client.post(response.url, {"code": code_of_mail()})
    user = signed_in_as(client)
    assert (user.email, user.first_name, user.last_name) == ("aude.perrin@example.fr", "Aude", "Perrin")
    assert not user.has_usable_password()
    ((who, claims, _at),) = announced
    assert who == user
    assert (claims["siret"], claims["acr"], claims["sub"]) == ("21440109300015", "eidas1", PERSON["sub"])
    account = SocialAccount.objects.get()
    assert account.extra_data["acr"] == "eidas1"
    assert "access_token" not in str(account.extra_data)


@pytest.mark.django_db
def test_address_verified_by_the_provider_needs_no_code(client, provider):
    provider.person["email_verified"] = True
    through(client, provider)
    assert signed_in_as(client).email == "aude.perrin@example.fr"
    assert EmailAddress.objects.get().verified


@pytest.mark.django_db
@pytest.mark.parametrize("said", [False, None, "true", "false", 1], ids=repr)
def test_address_is_verified_only_by_a_plain_yes(client, provider, said):
    provider.person["email_verified"] = said
    assert through(client, provider).url == reverse("account_email_verification_sent")
    assert signed_in_as(client) is None
    assert not EmailAddress.objects.filter(verified=True).exists()
    client.post(reverse("account_email_verification_sent"), {"code": code_of_mail()})
    assert signed_in_as(client).email == "aude.perrin@example.fr"


@pytest.mark.django_db
def test_address_of_the_provider_is_kept_in_lower_case(client, provider):
    provider.person.update(email="Aude.PERRIN@Example.fr", email_verified=True)
    through(client, provider)
    assert signed_in_as(client).email == "aude.perrin@example.fr"
    assert EmailAddress.objects.get().email == "aude.perrin@example.fr"


@pytest.mark.django_db
def test_person_without_address_is_asked_for_one_and_not_yet_let_in(client, provider):
    provider.person["email"] = None
    assert through(client, provider).url == reverse("socialaccount_signup")
    assert client.get(reverse("socialaccount_signup")).status_code == 200
    assert signed_in_as(client) is None
    assert not User.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(("asked", "answered"), [(None, None), ("", ""), ("", "x"), ("x", ""), ("x", "y")])
def test_nonce_that_was_not_asked_is_not_answered(rf, provider, asked, answered):
    request = rf.get("/")
    request.user, request.session = AnonymousUser(), {}
    login = SimpleNamespace(
        state={"nonce": asked},
        account=SimpleNamespace(extra_data={"nonce": answered}),
        provider=proconnect.ProConnectAdapter(request).get_provider(),
    )
    with pytest.raises(ImmediateHttpResponse):
        proconnect.check_nonce(request, login)
    login.state["nonce"] = login.account.extra_data["nonce"] = "x"
    proconnect.check_nonce(request, login)


@pytest.mark.django_db
@pytest.mark.parametrize("verified", [True, False])
def test_existing_account_with_the_same_address_is_not_joined(client, provider, verified):
    owner = UserFactory(email="aude.perrin@example.fr")
    provider.person["email_verified"] = verified
    response = through(client, provider)
    assert response.url == reverse("account_email_verification_sent")
    assert signed_in_as(client) is None
    assert not SocialAccount.objects.exists()
    assert User.objects.count() == 1
    mail = OutboxMessage.objects.get(kind="core.mail").payload
    assert mail["to"] == [owner.email]
    assert mail["subject"] == "Vous avez déjà un compte Guichet"


@pytest.mark.django_db
def test_person_links_from_their_account_then_signs_in_with_it(client, provider):
    user = UserFactory()
    sign_in(client, user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert through(client, provider, process="connect").url == reverse("socialaccount_connections")
    assert SocialAccount.objects.get().user == user
    client.logout()
    through(client, provider)
    assert signed_in_as(client) == user


@pytest.mark.django_db
def test_linking_an_identity_undoes_nothing_of_what_changed_meanwhile(client, provider, monkeypatch):
    user = UserFactory()
    sign_in(client, user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    check = proconnect.check_nonce

    def a_mandate_is_granted_meanwhile(request, sociallogin):
        User.objects.filter(pk=request.user.pk).update(requires_second_factor=True, is_staff=True)
        check(request, sociallogin)

    monkeypatch.setattr(proconnect, "check_nonce", a_mandate_is_granted_meanwhile)
    through(client, provider, process="connect")
    assert SocialAccount.objects.get().user == user
    assert User.objects.filter(pk=user.pk, requires_second_factor=True, is_staff=True).exists()


@pytest.mark.django_db
def test_identity_provider_does_not_replace_the_second_factor(client, provider):
    user = UserFactory(second_factor=True)
    link(user)
    assert through(client, provider).url == reverse("mfa_authenticate")
    assert signed_in_as(client) is None
    client.post(reverse("mfa_authenticate"), {"code": code_of(user)})
    assert signed_in_as(client) == user


@pytest.mark.django_db
def test_hook_that_refuses_changes_nothing(client, provider, monkeypatch):
    user = UserFactory()
    link(user)

    def refuse(user, claims, at):
        User.objects.filter(pk=user.pk).update(job_title="changé")
        raise RuntimeError("refusé")

    monkeypatch.setattr(hooks, "on_identity", [refuse])
    with pytest.raises(RuntimeError):
        through(client, provider)
    user.refresh_from_db()
    assert user.job_title != "changé"


FORGERIES = {
    "nonce of another request": lambda p: p.forge["id_token"].update(nonce="autre"),
    "no nonce": lambda p: p.forge["id_token"].update(nonce=None),
    "other audience": lambda p: p.forge["id_token"].update(aud="autre"),
    "other issuer": lambda p: p.forge["id_token"].update(iss="https://example.com"),
    "expired": lambda p: p.forge["id_token"].update(exp=int(time.time()) - 5),
    "userinfo about somebody else": lambda p: p.forge["userinfo"].update(sub="autre"),
    "userinfo for somebody else": lambda p: p.forge["userinfo"].update(aud="autre"),
    "unsigned userinfo": lambda p: setattr(p, "signed_userinfo", False),
    "userinfo in error": lambda p: setattr(p, "userinfo_status", 500),
    "no identity token": lambda p: setattr(p, "gives_id_token", False),
    "nobody": lambda p: [claims.update(sub=None) for claims in p.forge.values()],
    "empty subject": lambda p: [claims.update(sub="") for claims in p.forge.values()],
    "algorithm we do not accept": lambda p: setattr(p, "algorithm", "RS512"),
    "no algorithm": lambda p: setattr(p, "algorithm", "none"),
    "no name of key": lambda p: setattr(p, "key_name", None),
    "unknown name of key": lambda p: setattr(p, "key_name", "k2"),
    "key not published": lambda p: setattr(
        p, "signing_key", rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("forgery", FORGERIES)
def test_answer_that_cannot_be_believed_lets_nobody_in(client, provider, forgery):
    link(UserFactory())
    FORGERIES[forgery](provider)
    response = through(client, provider)
    assert response.status_code == 401
    assert "n’a pas abouti" in response.content.decode()
    assert signed_in_as(client) is None
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_state_of_another_browser_is_refused(client_factory, provider):
    link(UserFactory())
    mine, other = client_factory(), client_factory()
    back = provider.authorize(leave(other))
    assert come_back(mine, back).status_code == 401
    assert signed_in_as(mine) is None
    come_back(other, back)
    assert signed_in_as(other) is not None


@pytest.mark.django_db
def test_code_serves_once(client, provider):
    link(UserFactory())
    back = provider.authorize(leave(client))
    come_back(client, back)
    client.logout()
    assert come_back(client, back).status_code == 401
    assert signed_in_as(client) is None


@pytest.mark.django_db
def test_person_who_cancels_is_told(client, provider):
    state = parse_qs(urlsplit(leave(client)).query)["state"][0]
    query = {"error": "access_denied", "state": state}
    page = client.get(reverse("proconnect_callback", query=query), follow=True)
    assert "Connexion annulée" in page.content.decode()


@pytest.mark.django_db
def test_provider_out_of_order_is_told(client, provider, settings):
    settings.SOCIALACCOUNT_PROVIDERS["proconnect"]["APPS"][0]["settings"]["server_url"] = "http://127.0.0.1:9"
    page = client.post(reverse("proconnect_login"))
    assert page.status_code == 401
    assert "n’a pas abouti" in page.content.decode()


@pytest.mark.django_db
def test_sign_out_also_ends_the_session_at_the_provider(client, provider):
    link(UserFactory())
    through(client, provider)
    page = client.post(reverse("account_logout")).content.decode()
    assert signed_in_as(client) is None
    address = unescape(re.search(r'content="0;url=([^"]+)"', page).group(1))
    query = parse_qs(urlsplit(address).query)
    assert address.startswith(f"{provider.url}/logout?")
    assert query["post_logout_redirect_uri"] == ["http://testserver/"]
    assert len(query["id_token_hint"][0].split(".")) == 3

"""Our French addresses carry every name that the sign-in library looks up, and every page opens."""

import re
from importlib import import_module

import pytest
from allauth.mfa.models import Authenticator
from django.urls import URLResolver, get_resolver, reverse

from accounts import urls
from tests.factories.accounts import PASSWORD, UserFactory, sign_in

# Offered by the library and not by us: sign-in by code is off, its resend pages with it.
NOT_OFFERED = {"openid_connect_login", "openid_connect_callback"}


def names(patterns):
    found = set()
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            found |= names(pattern.url_patterns)
        elif pattern.name:
            found.add(pattern.name)
    return found


def test_every_name_of_the_library_has_a_french_address():
    library = set()
    for module in ("account", "mfa", "socialaccount", "usersessions"):
        library |= names(import_module(f"allauth.{module}.urls").urlpatterns)
    assert library - names(urls.urlpatterns) - NOT_OFFERED == set()


def test_no_address_of_the_account_is_english():
    english = re.compile(r"login|logout|signup|password|email|2fa|3rdparty|recovery|reauthenticate")
    assert [str(p.pattern) for p in urls.urlpatterns if english.search(str(p.pattern))] == []


VISITOR_PAGES = ["account_login", "account_signup", "account_reset_password", "account_inactive"]
PERSON_PAGES = [
    "account_home",
    "account_identity",
    "account_email",
    "account_change_password",
    "account_logout",
    "account_reauthenticate",
    "mfa_index",
    "mfa_list_webauthn",
    "usersessions_list",
    "socialaccount_connections",
    "socialaccount_login_cancelled",
    "account_password_reset_completed",
]
# In what the library says when nobody translated it.
ENGLISH = re.compile(
    r"\b(name|your|you|please|password|code is|sign in|sign up|email address|log ?out|the|account)\b", re.IGNORECASE
)


def text_of(response):
    html = response.content.decode()
    main = html[html.index("<main") : html.index("</main>")]
    main = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", main, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", main)


@pytest.mark.django_db
@pytest.mark.parametrize("name", VISITOR_PAGES)
def test_visitor_page_is_french(client, name):
    response = client.get(reverse(name))
    assert response.status_code == 200
    assert ENGLISH.findall(text_of(response)) == []


@pytest.mark.django_db
@pytest.mark.parametrize("name", PERSON_PAGES)
@pytest.mark.parametrize("second_factor", [False, True])
def test_person_page_is_french(client, name, second_factor):
    sign_in(client, UserFactory(second_factor=second_factor))
    response = client.get(reverse(name))
    assert response.status_code == 200
    assert ENGLISH.findall(text_of(response)) == []


@pytest.mark.django_db
def test_failed_identity_provider_page_is_french(client):
    response = client.get(reverse("socialaccount_login_error"))
    assert response.status_code == 401
    assert ENGLISH.findall(text_of(response)) == []


@pytest.mark.django_db
def test_pages_after_reauthentication_are_french(client):
    user = UserFactory()
    sign_in(client, user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    for name in ("mfa_activate_totp", "mfa_add_webauthn"):
        response = client.get(reverse(name))
        assert response.status_code == 200, name
        assert ENGLISH.findall(text_of(response)) == [], name


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("account_login", {"login": "inconnue@example.fr", "password": "faux mot de passe"}),
        ("account_login", {"login": "", "password": ""}),
        ("account_signup", {"email": "pas une adresse", "password1": "court", "password2": "autre"}),
        ("account_reset_password", {"email": "pas une adresse"}),
    ],
)
def test_errors_are_french_and_keep_what_was_typed(client, name, data):
    response = client.post(reverse(name), data)
    assert response.status_code == 200
    assert ENGLISH.findall(text_of(response)) == []
    assert "fr-error-text" in response.content.decode() or "fr-alert--error" in response.content.decode()
    typed = data.get("login") or data.get("email") or ""
    assert typed in response.content.decode()


def test_resolver_has_no_english_leftover():
    assert "compte/login/" not in {str(p.pattern) for p in get_resolver().url_patterns}


@pytest.mark.django_db
def test_renaming_a_passkey_is_french(client):
    user = UserFactory()
    key = Authenticator.objects.create(user=user, type="webauthn", data={"name": "clé", "credential": {}})
    sign_in(client, user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    response = client.get(reverse("mfa_edit_webauthn", kwargs={"pk": key.pk}))
    assert "Nom de cette clé" in response.content.decode()
    assert ENGLISH.findall(text_of(response)) == []


@pytest.mark.django_db
def test_pages_of_the_library_keep_the_sites_own_frame(client):
    response = client.get(reverse("account_login"))
    assert "testserver" not in response.content.decode()
    assert "République" in response.content.decode()

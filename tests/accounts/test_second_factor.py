"""Who owes a second factor reaches nothing else before they have shown it; rights withdrawn bite at once."""

from datetime import timedelta

import pytest
import time_machine
from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from accounts import totp
from accounts.forms import ActivateTOTPForm
from accounts.middleware import AUTHENTICATION, ENROLMENT
from accounts.models import UsedCode, User
from accounts.sealing import seal, unseal
from tests.factories.accounts import (
    PASSWORD,
    TOTP_SECRET,
    AgentFactory,
    UserFactory,
    code_of,
    enrol,
    sign_in,
)

# Values that satisfy the converters of any address; what they name does not exist.
VALUES = {
    "int": 1,
    "str": "x",
    "slug": "x",
    "uuid": "00000000-0000-0000-0000-000000000001",
    "path": "x",
}


def addresses():
    """(name, path) of every address of the site that can be written, whatever its room."""
    found = []

    def walk(patterns, namespaces):
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                walk(pattern.url_patterns, [*namespaces, pattern.namespace] if pattern.namespace else namespaces)
            elif isinstance(pattern, URLPattern) and pattern.name:
                name = ":".join([*namespaces, pattern.name])
                kwargs = {
                    key: VALUES.get(
                        type(converter).__name__.removesuffix("Converter").lower().replace("string", "str"), "x"
                    )
                    for key, converter in pattern.pattern.converters.items()
                }
                try:
                    found.append((name, reverse(name, kwargs=kwargs)))
                except Exception:
                    continue

    walk(get_resolver().url_patterns, [])
    return found


def test_the_walk_sees_the_site():
    names = {name for name, _ in addresses()}
    assert {"account_home", "mfa_index", "account_login"} <= names
    assert names >= ENROLMENT
    assert names >= AUTHENTICATION


@pytest.mark.django_db
def test_without_factor_only_enrolment_opens(client):
    client.force_login(AgentFactory(second_factor=False))
    for name, path in addresses():
        response = client.get(path)
        if name in ENROLMENT:
            assert response.status_code != 403, name
            assert response.headers.get("Location") != reverse("mfa_index"), name
        else:
            assert (response.status_code, response.headers.get("Location")) == (302, reverse("mfa_index")), name


@pytest.mark.django_db
def test_without_factor_the_page_says_why(client):
    client.force_login(AgentFactory(second_factor=False))
    page = client.get(reverse("account_home"), follow=True)
    assert "demande une seconde vérification" in page.content.decode()
    assert page.status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers",
    [{"HTTP_HX_REQUEST": "true"}, {"HTTP_ACCEPT": "application/json"}],
    ids=["htmx", "json"],
)
def test_scripts_get_403(client, headers):
    client.force_login(AgentFactory(second_factor=False))
    response = client.get(reverse("account_home"), **headers)
    assert response.status_code == 403
    assert "seconde vérification" in response.content.decode()


@pytest.mark.django_db
def test_address_of_the_api_gets_403_whatever_it_accepts(client):
    client.force_login(AgentFactory(second_factor=False))
    response = client.get("/api/n-existe-pas/")
    assert response.status_code == 403
    assert "seconde vérification" in response.content.decode()


@pytest.mark.django_db
def test_factor_removed_while_the_session_lives_closes_the_site(client):
    user = AgentFactory()
    sign_in(client, user)
    assert client.get(reverse("account_home")).status_code == 200
    Authenticator.objects.filter(user=user).delete()
    assert client.get(reverse("account_home")).url == reverse("mfa_index")
    # Codes that stand in for a factor are none.
    RecoveryCodes.activate(user)
    assert client.get(reverse("account_home")).url == reverse("mfa_index")


@pytest.mark.django_db
def test_unknown_address_tells_nothing_before_the_factor(client):
    client.force_login(AgentFactory(second_factor=False))
    assert client.get("/n-existe-pas/").headers["Location"] == reverse("mfa_index")


@pytest.mark.django_db
def test_requirement_set_after_sign_in_bites_at_the_next_request(client):
    user = UserFactory()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert client.get(reverse("account_home")).status_code == 200
    user.requires_second_factor = True
    user.save()
    assert client.get(reverse("account_home")).url == reverse("mfa_index")


@pytest.mark.django_db
def test_factor_held_but_not_shown_in_this_session_must_be_shown(client):
    user = UserFactory()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    user.requires_second_factor = True
    user.save()
    enrol(user)
    asked = client.get(reverse("account_home"))
    assert asked.url == reverse("mfa_reauthenticate", query={"next": reverse("account_home")})
    # A stolen session must not add its own factor, nor see the recovery codes, nor settle for the password.
    for name in ENROLMENT - AUTHENTICATION:
        assert client.get(reverse(name)).url.startswith(reverse("mfa_reauthenticate")), name
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    assert client.get(reverse("account_home")).status_code == 302
    shown = client.post(asked.url, {"code": code_of(user), "next": reverse("account_home")})
    assert shown.url == reverse("account_home")
    assert client.get(reverse("account_home")).status_code == 200


@pytest.mark.django_db
def test_person_with_passkey_only_is_sent_to_its_page(client):
    user = AgentFactory(second_factor=False)
    Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data={"name": "clé", "credential": {}})
    client.force_login(user)
    assert client.get(reverse("account_home")).url.startswith(reverse("mfa_reauthenticate_webauthn"))


@pytest.mark.django_db
def test_records_of_another_person_do_not_count(client):
    agent, other = AgentFactory(), UserFactory(second_factor=True)
    sign_in(client, other)
    session = client.session
    records = session["account_authentication_methods"]
    client.force_login(agent)
    session = client.session
    session["account_authentication_methods"] = records
    session["account_authentication_methods_user"] = str(other.pk)
    session.save()
    assert client.get(reverse("account_home")).status_code == 302


@pytest.mark.django_db
def test_optional_factor_stays_optional(client):
    client.force_login(UserFactory())
    assert client.get(reverse("account_home")).status_code == 200


@pytest.mark.django_db
def test_deactivated_person_is_out_at_the_next_request_and_for_good(client):
    user = UserFactory()
    client.force_login(user)
    assert client.get(reverse("account_home")).status_code == 200
    user.is_active = False
    user.save()
    assert client.get(reverse("account_home")).url.startswith(reverse("account_login"))
    user.is_active = True
    user.save()
    assert client.get(reverse("account_home")).url.startswith(reverse("account_login"))


@pytest.mark.django_db
def test_enrolment_opens_the_site_without_asking_again(client):
    user = AgentFactory(second_factor=False)
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    page = client.get(reverse("mfa_activate_totp"))
    secret = page.context["form"].secret
    wrong = client.post(reverse("mfa_activate_totp"), {"code": "12"})
    assert "pas le bon" in wrong.content.decode()
    code = totp.code_at(secret=secret, at=timezone.now())
    done = client.post(reverse("mfa_activate_totp"), {"code": code})
    assert done.url == reverse("mfa_view_recovery_codes")
    codes = client.get(done.url)
    assert codes.status_code == 200
    assert len(codes.context["unused_codes"]) == 10
    assert client.get(reverse("account_home")).status_code == 200
    # The enrolling code is spent.
    assert not totp.use_code(user=user, secret=secret, code=code, at=timezone.now())


@pytest.mark.django_db
def test_last_compulsory_factor_cannot_be_removed(client):
    user = AgentFactory()
    sign_in(client, user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    page = client.get(reverse("mfa_deactivate_totp"))
    assert "ajoutez-en une autre" in page.content.decode()
    client.post(reverse("mfa_deactivate_totp"))
    assert Authenticator.objects.filter(user=user, type="totp").exists()


@pytest.mark.django_db
def test_last_compulsory_passkey_cannot_be_removed(client):
    user = AgentFactory(second_factor=False)
    key = Authenticator.objects.create(
        user=user, type=Authenticator.Type.WEBAUTHN, data={"name": "clé", "credential": {}}
    )
    sign_in(client, user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.post(reverse("mfa_remove_webauthn", kwargs={"pk": key.pk}))
    assert Authenticator.objects.filter(pk=key.pk).exists()


@pytest.mark.django_db
def test_optional_factor_can_be_removed(client):
    user = UserFactory(second_factor=True)
    sign_in(client, user)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    client.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.filter(user=user).exists()


@pytest.mark.django_db
def test_secret_is_not_readable_in_the_database():
    user = UserFactory(second_factor=True)
    stored = Authenticator.objects.get(user=user).data["secret"]
    assert TOTP_SECRET not in stored
    assert unseal(stored) == TOTP_SECRET == totp.secret_of(user)
    assert seal("a") != seal("a")


@pytest.mark.django_db
def test_secret_survives_a_change_of_the_sites_key(settings):
    sealed = seal(TOTP_SECRET)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key of this site"
    assert unseal(sealed) == TOTP_SECRET


def wrong_codes(client, page, number, secret=TOTP_SECRET):
    near = {totp.code_at(secret=secret, at=timezone.now() + timedelta(seconds=30 * step)) for step in range(-2, 9)}
    wrong = [code for code in (f"{digit}" * 6 for digit in range(10)) if code not in near]
    return [client.post(page, {"code": code}).content.decode() for code in wrong[:number]]


@pytest.mark.django_db
def test_five_wrong_codes_at_sign_in_stop_even_the_right_one(client):
    user = UserFactory(second_factor=True)
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    page = reverse("mfa_authenticate")
    assert all("pas le bon" in answer for answer in wrong_codes(client, page, 5))
    stopped = client.post(page, {"code": code_of(user)})
    assert "Trop d’essais" in stopped.content.decode()
    assert "_auth_user_id" not in client.session
    assert not UsedCode.objects.exists(), "the right code was not spent"
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        client.post(page, {"code": code_of(user)})
        assert client.session["_auth_user_id"] == str(user.pk)


@pytest.mark.django_db
def test_right_code_at_sign_in_forgets_the_wrong_ones(client_factory):
    user = UserFactory(second_factor=True)
    at = timezone.now()
    for minute in range(2):
        with time_machine.travel(at + timedelta(minutes=minute)):
            client = client_factory()
            client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
            wrong_codes(client, reverse("mfa_authenticate"), 4)
            client.post(reverse("mfa_authenticate"), {"code": code_of(user)})
            assert client.session["_auth_user_id"] == str(user.pk)


@pytest.mark.django_db
def test_five_wrong_codes_at_enrolment_stop_it(client):
    user = AgentFactory(second_factor=False)
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    page = reverse("mfa_activate_totp")
    secret = client.get(page).context["form"].secret
    assert all("pas le bon" in answer for answer in wrong_codes(client, page, 5, secret))
    right = totp.code_at(secret=secret, at=timezone.now())
    assert "Trop de demandes" in client.post(page, {"code": right}).content.decode()
    assert not Authenticator.objects.exists()
    assert not UsedCode.objects.exists()


@pytest.mark.django_db
def test_no_factor_on_an_account_whose_address_is_not_verified(client):
    user = UserFactory()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    page = reverse("mfa_activate_totp")
    secret = client.get(page).context["form"].secret
    # The address changed between the page and the code.
    EmailAddress.objects.filter(user=user).update(verified=False)
    code = totp.code_at(secret=secret, at=timezone.now())
    request = client.post(page, {"code": code}, follow=True).wsgi_request
    # The page is closed; the form behind it holds by itself.
    with context.request_context(request):
        form = ActivateTOTPForm({"code": code}, user=user)
        form.secret = secret
        assert not form.is_valid()
    assert "Vérifiez d’abord votre adresse" in form.errors["code"][0]
    assert not Authenticator.objects.exists()
    assert not UsedCode.objects.exists()


@pytest.mark.django_db
def test_recovery_codes_are_no_factor_to_keep():
    user = AgentFactory(second_factor=False)
    RecoveryCodes.activate(user)
    codes = Authenticator.objects.get(user=user)
    assert get_adapter().can_delete_authenticator(codes)
    factor = enrol(user)
    assert not get_adapter().can_delete_authenticator(factor)
    assert get_adapter().can_delete_authenticator(codes)


@pytest.mark.django_db
def test_who_signed_in_a_few_minutes_ago_is_not_asked_again_then_is(client):
    user = UserFactory()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    at = timezone.now()
    page = reverse("mfa_activate_totp")
    assert client.get(page).status_code == 200
    with time_machine.travel(at + timedelta(seconds=REAUTHENTICATION_TIMEOUT + 5)):
        assert client.get(page).url.startswith(reverse("account_reauthenticate"))
        client.post(reverse("account_reauthenticate"), {"password": PASSWORD})
        assert client.get(page).status_code == 200


@pytest.mark.django_db
def test_person_changes_their_name_and_nothing_that_gives_power(client):
    user = UserFactory()
    client.force_login(user)
    before = User.objects.values().get(pk=user.pk)
    page = reverse("account_identity")
    sent = {"first_name": "Aude", "last_name": "Perrin", "job_title": "maire", "phone": "02 00 00 00 00"}
    power = {"is_staff": "on", "is_superuser": "on", "requires_second_factor": "on", "email": "autre@example.fr"}
    for missing in ("first_name", "last_name"):
        assert client.post(page, {**sent, missing: " "}).status_code == 200
    assert "phone" in client.post(page, {**sent, "phone": "abc"}).context["form"].errors
    client.get(page, sent)
    assert User.objects.values().get(pk=user.pk) == before
    assert client.post(page, {**sent, **power}).url == reverse("account_home")
    assert User.objects.values().get(pk=user.pk) == {**before, **sent}


def test_new_account_keeps_its_address_in_lower_case(db):
    user = User.objects.create_user(" Aude.Perrin@Example.FR ")
    assert user.email == "aude.perrin@example.fr"
    assert User.objects.get_by_natural_key("AUDE.perrin@example.fr ") == user
    assert not (user.is_staff or user.is_superuser)

"""Sign-in, sign-up, reset: what they let through, what they tell, what they count."""

import re

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.urls import reverse
from django.utils import timezone

from accounts.adapters import AccountAdapter, client_address
from accounts.models import UsedCode, User
from core.models import OutboxMessage
from tests.factories.accounts import PASSWORD, AgentFactory, UserFactory, code_of

LOGIN = "account_login"


def sign_in(client, email, password=PASSWORD, **extra):
    return client.post(reverse(LOGIN), {"login": email, "password": password}, **extra)


def signed_in(client):
    return "_auth_user_id" in client.session


def mails():
    return [message.payload for message in OutboxMessage.objects.filter(kind="core.mail").order_by("created_at")]


def code_in(mail):
    return re.search(r"^ +([A-Z]{4}-[A-Z]{4})$", mail["context"]["body"], re.MULTILINE).group(1)


@pytest.mark.django_db
def test_person_signs_in_with_address_in_any_case(client):
    user = UserFactory()
    response = sign_in(client, f" {user.email.upper()} ")
    assert response.status_code == 302
    assert signed_in(client)


@pytest.mark.django_db
def test_sign_up_needs_the_code_of_the_mail(client):
    response = client.post(
        reverse("account_signup"),
        {
            "first_name": "Aude",
            "last_name": "Perrin",
            "email": "Aude.Perrin@Example.fr",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )
    assert response.url == reverse("account_email_verification_sent")
    assert not signed_in(client)
    user = User.objects.get()
    assert (user.email, user.first_name, user.last_name) == ("aude.perrin@example.fr", "Aude", "Perrin")
    assert not user.is_staff
    assert not user.requires_second_factor
    (mail,) = mails()
    assert mail["to"] == ["aude.perrin@example.fr"]
    wrong = client.post(response.url, {"code": "BBBB-BBBB"})
    assert "pas le bon" in wrong.content.decode()
    assert not signed_in(client)
    client.post(response.url, {"code": code_in(mail)})
    assert signed_in(client)
    assert EmailAddress.objects.get(user=user).verified


@pytest.mark.django_db
def test_verification_codes_run_out(client):
    client.post(
        reverse("account_signup"),
        {
            "first_name": "A",
            "last_name": "B",
            "email": "ab@example.fr",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )
    page = reverse("account_email_verification_sent")
    for _ in range(3):
        client.post(page, {"code": "BBBB-BBBB"})
    client.post(page, {"code": code_in(mails()[0])})
    assert not signed_in(client)
    assert not EmailAddress.objects.get().verified


def without_tokens(response, email):
    html = response.content.decode()
    html = re.sub(r'(csrfmiddlewaretoken" value|nonce|X-CSRFToken": )[=" ]*"[^"]+"', "", html)
    return html.replace(email, "ADRESSE")


@pytest.mark.django_db
@pytest.mark.parametrize("page", [LOGIN, "account_reset_password", "account_signup"])
def test_known_and_unknown_address_get_the_same_answer(client_factory, page):
    known, unknown = UserFactory().email, "inconnue@example.fr"

    def answer(email):
        client = client_factory()
        data = {
            LOGIN: {"login": email, "password": "une autre phrase assez longue"},
            "account_reset_password": {"email": email},
            "account_signup": {
                "first_name": "A",
                "last_name": "B",
                "email": email,
                "password1": PASSWORD,
                "password2": PASSWORD,
            },
        }[page]
        response = client.post(reverse(page), data, follow=True)
        return response.status_code, response.redirect_chain, without_tokens(response, email)

    assert answer(known) == answer(unknown)
    if page != LOGIN:
        assert {mail["to"][0] for mail in mails()} == {known, unknown}


@pytest.mark.django_db
def test_closed_account_cannot_sign_in(client):
    user = UserFactory(is_active=False)
    response = sign_in(client, user.email)
    assert response.url == reverse("account_inactive")
    assert not signed_in(client)


@pytest.mark.django_db
def test_second_factor_is_asked_and_its_code_serves_once(client_factory):
    user = UserFactory(second_factor=True)
    client = client_factory()
    assert sign_in(client, user.email).url == reverse("mfa_authenticate")
    assert not signed_in(client)
    assert client.get(reverse("account_home")).status_code == 302
    code = code_of(user)
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert signed_in(client)
    assert UsedCode.objects.get().user == user

    other = client_factory()
    sign_in(other, user.email)
    refused = other.post(reverse("mfa_authenticate"), {"code": code})
    assert "a déjà servi" in refused.content.decode()
    assert not signed_in(other)


@pytest.mark.django_db
def test_code_used_to_sign_in_does_not_confirm_an_act_nor_the_reverse(client):
    from accounts import confirmations
    from core.errors import Refused

    user = UserFactory(second_factor=True)
    sign_in(client, user.email)
    code, now = code_of(user), timezone.now()
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert signed_in(client)
    act = {"user": user, "act": "x", "content_sha256": "0" * 64, "at": now}
    with pytest.raises(Refused):
        confirmations.confirm_act(**act, code=code)

    other = UserFactory(second_factor=True)
    code = code_of(other)
    confirmations.confirm_act(**{**act, "user": other}, code=code)
    client.post(reverse("account_logout"))
    sign_in(client, other.email)
    client.post(reverse("mfa_authenticate"), {"code": code})
    assert not signed_in(client)


@pytest.mark.django_db
def test_recovery_code_signs_in_once(client_factory):
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes

    user = UserFactory(second_factor=True)
    codes = RecoveryCodes.activate(user).get_unused_codes()
    assert len(codes) == 10
    for expected in (True, False):
        client = client_factory()
        sign_in(client, user.email)
        client.post(reverse("mfa_authenticate"), {"code": codes[0]})
        assert signed_in(client) is expected


@pytest.mark.django_db
def test_reset_changes_the_password_and_never_skips_the_second_factor(client_factory):
    user = AgentFactory()
    client = client_factory()
    new = "une toute autre phrase"
    assert client.post(reverse("account_reset_password"), {"email": user.email}).url == reverse(
        "account_confirm_password_reset_code"
    )
    code = code_in(mails()[0])
    # The code serves only in the browser that asked for it.
    stranger = client_factory()
    assert stranger.post(reverse("account_confirm_password_reset_code"), {"code": code}).url == reverse(LOGIN)
    client.post(reverse("account_confirm_password_reset_code"), {"code": code})
    done = client.post(reverse("account_complete_password_reset"), {"password1": new, "password2": new})
    assert done.url == reverse("account_password_reset_completed")
    user.refresh_from_db()
    assert user.check_password(new)
    assert not signed_in(client)
    assert sign_in(client, user.email, new).url == reverse("mfa_authenticate")
    assert not signed_in(client)
    assert client.get(reverse("account_home")).status_code == 302
    assert not signed_in(client)


@pytest.mark.django_db
def test_weak_new_password_is_refused_at_its_field(client):
    user = UserFactory(is_staff=True)
    client.post(reverse("account_reset_password"), {"email": user.email})
    client.post(reverse("account_confirm_password_reset_code"), {"code": code_in(mails()[0])})
    response = client.post(
        reverse("account_complete_password_reset"), {"password1": "quinze lettres!", "password2": "quinze lettres!"}
    )
    assert "au moins 16 caractères" in response.content.decode()
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.mark.django_db
def test_stranger_cannot_stop_the_owner(client_factory):
    user = UserFactory()
    stranger, owner = client_factory(REMOTE_ADDR="203.0.113.9"), client_factory(REMOTE_ADDR="198.51.100.7")
    for _ in range(5):
        assert "ne correspondent pas" in sign_in(stranger, user.email, "faux").content.decode()
    stopped = sign_in(stranger, user.email)
    assert "Trop d’essais" in stopped.content.decode()
    assert not signed_in(stranger)
    sign_in(owner, user.email)
    assert signed_in(owner)
    user.refresh_from_db()
    assert user.is_active


@pytest.mark.django_db
def test_forged_forwarded_address_does_not_escape_the_throttle(client_factory):
    user = UserFactory()
    client = client_factory(REMOTE_ADDR="203.0.113.9")
    for number in range(5):
        sign_in(client, user.email, "faux", HTTP_X_FORWARDED_FOR=f"192.0.2.{number}")
    assert "Trop d" in sign_in(client, user.email, HTTP_X_FORWARDED_FOR="192.0.2.99").content.decode()
    assert not signed_in(client)


FORWARDED = [
    # peer, X-Forwarded-For, whom we believe
    ("203.0.113.9", "192.0.2.1", "203.0.113.9"),
    ("10.0.0.2", "", "10.0.0.2"),
    ("10.0.0.2", "192.0.2.1", "192.0.2.1"),
    ("10.0.0.2", "192.0.2.66, 192.0.2.1", "192.0.2.1"),
    ("10.0.0.2", "192.0.2.66, 192.0.2.1, 10.0.0.3", "192.0.2.1"),
    ("10.0.0.2", "192.0.2.1, pas une adresse", "10.0.0.2"),
    ("10.0.0.2", "pas une adresse, 10.0.0.3", "10.0.0.3"),
    ("10.0.0.2", "2001:db8::1", "2001:db8::1"),
    ("", "192.0.2.1, 10.0.0.3", "192.0.2.1"),
    ("", "pas une adresse", "0.0.0.0"),
    ("", "", "0.0.0.0"),
]


@pytest.mark.parametrize(("peer", "forwarded", "believed"), FORWARDED)
def test_address_is_the_first_that_no_proxy_of_ours_bears(rf, settings, peer, forwarded, believed):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "unix"]
    assert client_address(rf.get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)) == believed


@pytest.mark.django_db
def test_throttle_knows_people_behind_our_proxy(client_factory, settings):
    settings.TRUSTED_PROXIES = ["10.0.0.0/8", "unix"]
    user = UserFactory()
    client = client_factory(REMOTE_ADDR="10.0.0.2")
    for _ in range(5):
        sign_in(client, user.email, "faux", HTTP_X_FORWARDED_FOR="192.0.2.66, 203.0.113.9")
    # The same person writing another address before the one our proxy saw is still the same person.
    sign_in(client, user.email, HTTP_X_FORWARDED_FOR="192.0.2.67, 203.0.113.9")
    assert not signed_in(client)
    sign_in(client, user.email, HTTP_X_FORWARDED_FOR="203.0.113.10")
    assert signed_in(client)


@pytest.mark.django_db
def test_addresses_of_one_ipv6_subscriber_are_one_throttle(client_factory):
    user = UserFactory()
    for number in range(1, 6):
        sign_in(client_factory(REMOTE_ADDR=f"2001:db8::{number}"), user.email, "faux")
    same_network = client_factory(REMOTE_ADDR="2001:db8::99")
    assert "Trop d’essais" in sign_in(same_network, user.email).content.decode()
    assert not signed_in(same_network)
    owner = client_factory(REMOTE_ADDR="2001:db8:0:1::99")
    sign_in(owner, user.email)
    assert signed_in(owner)
    # The list of sessions shows the address itself.
    owner.get(reverse("account_home"))
    assert UserSession.objects.get(user=user).ip == "2001:db8:0:1::99"


@pytest.mark.django_db
def test_ipv4_addresses_seen_through_ipv6_are_not_one_throttle(client_factory):
    user = UserFactory()
    stranger, owner = client_factory(REMOTE_ADDR="::ffff:203.0.113.9"), client_factory(REMOTE_ADDR="::ffff:192.0.2.7")
    for _ in range(5):
        sign_in(stranger, user.email, "faux")
    sign_in(stranger, user.email)
    assert not signed_in(stranger)
    sign_in(owner, user.email)
    assert signed_in(owner)


@pytest.mark.django_db
@pytest.mark.parametrize("proxies", [[], ["unix"]], ids=["unknown socket", "our socket"])
def test_local_socket_has_no_address_and_lets_people_in(client_factory, settings, proxies):
    settings.TRUSTED_PROXIES = proxies
    user, client = UserFactory(), client_factory(REMOTE_ADDR="")
    sign_in(client, user.email)
    assert signed_in(client)
    assert client.get(reverse("account_home")).status_code == 200
    assert UserSession.objects.get(user=user).ip == "0.0.0.0"


@pytest.mark.django_db
def test_failures_on_one_account_leave_the_others_open_from_the_same_address(client_factory):
    user, colleague = UserFactory(), UserFactory()
    office = client_factory(REMOTE_ADDR="203.0.113.9")
    # However the address is typed, it is the same account.
    for typed in (user.email, user.email.upper(), f" {user.email}", user.email.title(), user.email):
        sign_in(office, typed, "faux")
    sign_in(office, user.email)
    assert not signed_in(office)
    sign_in(office, colleague.email)
    assert signed_in(office)


def test_throttle_counts_together_every_way_to_write_one_address(rf):
    # The form already sets the address right; a caller that does not still counts on the same account.
    adapter, here = AccountAdapter(), rf.get("/", REMOTE_ADDR="203.0.113.9")
    keys = {
        adapter._get_login_attempts_cache_key(here, email=typed, password="x")
        for typed in ("aude@example.fr", "AUDE@example.fr", " aude@example.fr ")
    }
    assert len(keys) == 1
    assert adapter._get_login_attempts_cache_key(here, email="autre@example.fr") not in keys


@pytest.mark.django_db
def test_sign_out_is_a_post(client):
    user = UserFactory()
    sign_in(client, user.email)
    assert client.get(reverse("account_logout")).status_code == 200
    assert signed_in(client)
    client.post(reverse("account_logout"))
    assert not signed_in(client)


@pytest.mark.django_db
def test_sign_in_never_leads_elsewhere(client):
    user = UserFactory()
    response = client.post(f"{reverse(LOGIN)}?next=https://example.com/", {"login": user.email, "password": PASSWORD})
    assert "example.com" not in response.url

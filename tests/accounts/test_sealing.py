"""The key of the site changes without closing anybody's second factor."""

import os
import subprocess
import sys

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts import totp
from tests.factories.accounts import PASSWORD, TOTP_SECRET, UserFactory, code_of

NEW_KEY = "another key of this site, long enough to be one"


@pytest.fixture
def user():
    return UserFactory(second_factor=True)


@pytest.fixture
def former_key(user, settings):
    RecoveryCodes.activate(user)
    Authenticator.objects.create(user=user, type="webauthn", data={"name": "clé", "credential": {}})
    former = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW_KEY, [former]
    return former


def paper_codes(user):
    return Authenticator.objects.get(user=user, type="recovery_codes").wrap().get_unused_codes()


@pytest.mark.django_db
def test_factors_sealed_again_no_longer_need_the_former_key(client, user, former_key, settings, capsys):
    codes = paper_codes(user)
    key = Authenticator.objects.get(type="webauthn").data
    call_command("reseal_factors")
    assert capsys.readouterr().out.strip().endswith(": 2.")
    rows = dict(Authenticator.objects.values_list("pk", "data"))
    call_command("reseal_factors")
    assert capsys.readouterr().out.strip().endswith(": 0.")
    assert dict(Authenticator.objects.values_list("pk", "data")) == rows
    settings.SECRET_KEY_FALLBACKS = []
    assert totp.secret_of(user) == TOTP_SECRET
    assert paper_codes(user) == codes
    assert Authenticator.objects.get(type="webauthn").data == key
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    client.post(reverse("mfa_authenticate"), {"code": code_of(user)})
    assert client.session["_auth_user_id"] == str(user.pk)


@pytest.mark.django_db
def test_factor_that_no_key_reads_is_named_and_left_while_the_others_are_sealed(user, former_key, settings):
    lost = Authenticator.objects.create(user=UserFactory(), type="totp", data={"secret": "gAAAAA"})
    with pytest.raises(CommandError, match=rf"\(numéros {lost.pk}\).*GUICHET_SECRET_KEY_FALLBACKS"):
        call_command("reseal_factors")
    lost.refresh_from_db()
    assert lost.data == {"secret": "gAAAAA"}
    settings.SECRET_KEY_FALLBACKS = []
    assert totp.secret_of(user) == TOTP_SECRET


def test_former_keys_come_from_the_environment():
    answer = subprocess.run(
        [sys.executable, "-c", "from config import settings; print(settings.SECRET_KEY_FALLBACKS)"],
        env={**os.environ, "GUICHET_SECRET_KEY_FALLBACKS": "first, second"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "['first', 'second']"

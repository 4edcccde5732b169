"""People of the demonstration and the command that reads their code."""

import stat
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from accounts import demonstration, totp
from accounts.models import User
from tests.factories.accounts import UserFactory

PERSON = {
    "email": "Juree@Example.fr",
    "first_name": "Aude",
    "last_name": "Perrin",
    "job_title": "jurée",
    "password": "une phrase facile à retenir",
}


def test_secret_is_stable_here_and_different_elsewhere(settings, tmp_path):
    settings.DATA_DIR = tmp_path / "one"
    first = demonstration.totp_secret_for("a@example.fr")
    assert demonstration.totp_secret_for("A@example.fr ") == first
    assert demonstration.totp_secret_for("b@example.fr") != first
    settings.DATA_DIR = tmp_path / "two"
    assert demonstration.totp_secret_for("a@example.fr") != first
    seed = Path(tmp_path / "one" / demonstration.SEED_NAME)
    assert stat.S_IMODE(seed.stat().st_mode) == 0o600
    assert [path.name for path in seed.parent.iterdir()] == [demonstration.SEED_NAME]


@pytest.mark.django_db
def test_person_can_sign_in_with_the_printed_code(client, settings, tmp_path):
    settings.DEMONSTRATION = True
    settings.DATA_DIR = tmp_path
    secret = demonstration.totp_secret_for(PERSON["email"])
    for _ in range(2):
        user = demonstration.create_person(**PERSON, totp_secret=secret)
    assert User.objects.count() == 1
    assert user.email == "juree@example.fr"
    answer = client.post(reverse("account_login"), {"login": user.email, "password": PERSON["password"]})
    assert answer.url == reverse("mfa_authenticate")
    out = StringIO()
    call_command("totp", user.email, stdout=out)
    client.post(answer.url, {"code": out.getvalue().split()[0]})
    assert client.session["_auth_user_id"] == str(user.pk)


@pytest.mark.django_db
def test_current_code_skips_a_used_one():
    user = UserFactory(second_factor=True)
    now = timezone.now()
    first = demonstration.current_code(user, at=now)
    assert totp.use_code(user=user, secret=totp.secret_of(user), code=first, at=now)
    second = demonstration.current_code(user, at=now)
    assert second != first
    assert totp.use_code(user=user, secret=totp.secret_of(user), code=second, at=now)
    with pytest.raises(LookupError):
        demonstration.current_code(user, at=now)


@pytest.mark.django_db
def test_command_only_for_the_demonstration(settings):
    person = UserFactory(second_factor=True)
    settings.DEMONSTRATION = False
    with pytest.raises(CommandError, match="démonstration"):
        call_command("totp", person.email)
    settings.DEMONSTRATION = True
    with pytest.raises(CommandError, match="Aucune personne"):
        call_command("totp", person.email)


@pytest.mark.django_db
def test_next_free_moment_waits_for_a_code_that_has_not_served():
    user = UserFactory(second_factor=True)
    now = timezone.now()
    assert demonstration.next_free_moment(user, at=now) == now
    assert totp.use_code(user=user, secret=totp.secret_of(user), code=demonstration.current_code(user, at=now), at=now)
    later = demonstration.next_free_moment(user, at=now)
    assert later == now + timedelta(seconds=30)
    assert totp.use_code(
        user=user, secret=totp.secret_of(user), code=demonstration.current_code(user, at=later), at=later
    )

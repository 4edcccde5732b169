"""Length by power of the account; common passwords refused."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from accounts.models import User


@pytest.mark.parametrize(
    ("user", "length"),
    [(None, 12), (User(), 12), (User(is_staff=True), 16), (User(is_superuser=True), 16)],
    ids=["unknown", "person", "staff", "superuser"],
)
def test_length_by_role(user, length):
    password = "Chêne vert, lierre gris"[:length]
    validate_password(password, user)
    with pytest.raises(ValidationError, match=f"au moins {length} caractères"):
        validate_password(password[:-1], user)


def test_common_password_is_refused():
    with pytest.raises(ValidationError):
        validate_password("1234567890123456")
    with pytest.raises(ValidationError):
        validate_password("qwertyuiop123")


def test_password_like_the_address_is_refused():
    with pytest.raises(ValidationError):
        validate_password("secretariat.mairie", User(email="secretariat.mairie@example.fr"))


FIFTEEN, SIXTEEN = "Chêne vert, lie", "Chêne vert, lier"


@pytest.mark.django_db
def test_administrator_made_at_the_terminal_chooses_sixteen_characters(monkeypatch):
    def typed(password):
        monkeypatch.setattr(createsuperuser.getpass, "getpass", lambda prompt="": password)
        terminal = SimpleNamespace(isatty=lambda: True)
        call_command("createsuperuser", email="chef@example.fr", stdin=terminal, verbosity=0)

    with pytest.raises(CommandError, match="au moins 16 caractères"):
        typed(FIFTEEN)
    assert not User.objects.exists()
    typed(SIXTEEN)
    user = User.objects.get()
    assert user.check_password(SIXTEEN)
    assert user.is_staff
    assert not user.owes_longer_password


@pytest.mark.django_db
def test_administrator_made_from_the_environment_has_sixteen_characters_or_no_password(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", FIFTEEN)
    with pytest.raises(CommandError, match="au moins 16 caractères"):
        call_command("createsuperuser", email="chef@example.fr", interactive=False, verbosity=0)
    assert not User.objects.exists()
    monkeypatch.delenv("DJANGO_SUPERUSER_PASSWORD")
    call_command("createsuperuser", email="chef@example.fr", interactive=False, verbosity=0)
    assert not User.objects.get().has_usable_password()

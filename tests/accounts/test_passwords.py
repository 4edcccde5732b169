"""Length by power of the account; common passwords refused."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

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

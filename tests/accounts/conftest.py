"""Several browsers in one test."""

from collections.abc import Callable

import pytest
from django.test import Client


@pytest.fixture
def client_factory() -> Callable[..., Client]:
    """A browser of its own: cookies apart, and an address if given."""

    def make(**defaults: str) -> Client:
        return Client(**defaults)

    return make


@pytest.fixture(autouse=True)
def _arrive_at_the_account_page(settings) -> None:
    """These tests know this room alone: one arrives at « Mon compte », not at the home page of a room above."""
    settings.LOGIN_REDIRECT_URL = "account_home"
    settings.ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"

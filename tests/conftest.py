"""Fixtures of every room: the real database with the role that serves, and ways to tamper with it."""

import os
from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.test import TransactionTestCase

from tests import journal_words, servers, template_variables


def pytest_configure() -> None:
    # Passwords are not what the tests measure; signing in must stay quick.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    # Each client of each test would read the headers of two thousand static files before its first page.
    settings.WHITENOISE_AUTOREFRESH = True
    template_variables.watch()
    journal_words.watch()


def _empty_database(self: TransactionTestCase) -> None:
    """Django would TRUNCATE, which is refused to the role that serves."""
    connections.close_all()
    servers.empty_database()


TransactionTestCase._fixture_teardown = _empty_database  # type: ignore[method-assign]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A file drawn by the test bears the name of its argument: two workers draw other bytes, and must agree on names."""
    return argname if isinstance(val, bytes | str) and len(val) > 60 else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first: one that begins last keeps a single core at work when all else is done."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Groups keep two crowds of connections apart; a pytest-xdist that cannot read them spreads the tests silently."""
    grouped = getattr(item.config.option, "loadgroup", False) and item.get_closest_marker("xdist_group")
    if grouped and "@" not in item.nodeid.rpartition("]")[2]:
        pytest.fail("pytest-xdist ignores xdist_group with this pytest: see ADR 0065", pytrace=False)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    """This worker's copy of the migrated template (pytest-django would migrate again, as the wrong role)."""
    servers.copy_template()
    yield
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        connections.close_all()


@pytest.fixture
def superuser_connection(transactional_db: None) -> Iterator[psycopg.Connection]:
    """A database superuser on this test's database: whom the journal must convict afterwards."""
    with servers.superuser(servers.database_name()) as connection:
        yield connection


@pytest.fixture
def redis_url() -> str:
    """Redis of this run."""
    return os.environ["REDIS_URL"]

"""The world of these tests: built and committed once for the package; each test rolls back what it did."""

from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.db import connections

from tests import servers
from tests.access.world import World, build_world


@pytest.fixture(scope="package")
def built_world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    with django_db_blocker.unblock():
        connections.close_all()
        servers.empty_database()
        try:
            built = build_world()
            connections.close_all()
            yield built
        finally:
            connections.close_all()
            servers.empty_database()


@pytest.fixture
def world(built_world: World, db: None) -> Iterator[World]:
    """The world at one instant: two requests of a test differ by what the test changed, never by the clock."""
    with time_machine.travel(built_world.now, tick=False):
        yield built_world

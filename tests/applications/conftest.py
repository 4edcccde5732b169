"""The clock of the pages."""

import pytest
import time_machine

from tests.factories.calls import FIRST_RELEVE


@pytest.fixture
def travel():
    """The pages read the clock: the tests stand in the first relève."""
    with time_machine.travel(FIRST_RELEVE, tick=True):
        yield

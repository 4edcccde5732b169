"""The real call, and the plainest mandates, for tests."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import factory

from calls.enums import MandateRole
from calls.installation import install_call
from calls.models import Axis, Call, Mandate, Session
from tests.factories.accounts import UserFactory
from tests.factories.territories import load_sample

PARIS = ZoneInfo("Europe/Paris")
# During the first relève of axis 2, under version 1 of the rules.
FIRST_RELEVE = datetime(2021, 4, 1, 10, tzinfo=PARIS)
# During the second relève, under version 2.
SECOND_RELEVE = datetime(2021, 10, 8, 10, tzinfo=PARIS)


def the_call(at: datetime = FIRST_RELEVE) -> Call:
    """The 88 M€ call on the sample of territories, with a demonstration session open at ``at``."""
    load_sample()
    return install_call(at)


def axis_of(call: Call, code: str = "axe-2") -> Axis:
    return call.axes.get(code=code)


def session_of(call: Call, axis: str = "axe-2", code: str = "releve-1") -> Session:
    return Session.objects.get(axis__call=call, axis__code=axis, code=code)


class MandateFactory(factory.django.DjangoModelFactory):
    """A screener of the whole call since its opening; ``call`` is to be given."""

    class Meta:
        model = Mandate

    user = factory.SubFactory(UserFactory)
    role = MandateRole.SCREENER
    starts_at = datetime(2021, 1, 25, tzinfo=UTC)

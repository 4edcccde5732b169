"""No page offers to file on an axis of which the rules in force say nothing."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from calls.models import Axis, AxisTerms, Session
from calls.offers import offered_sessions
from calls.services import open_sessions
from tests.factories.budget import make_call
from tests.factories.calls import the_call


@pytest.fixture
def call(db):
    return the_call(timezone.now())


@pytest.fixture
def silent(call):
    """An axis added while the call runs, with a session open today and no terms yet."""
    axis = Axis.objects.create(
        call=call, code="neuf", position=9, title="Axe tout neuf", summary="X", rhythm="sessions", steward="X"
    )
    now = timezone.now()
    return Session.objects.create(
        axis=axis, code="r", title="Relève neuve", opens_at=now - timedelta(days=1), closes_at=now + timedelta(days=9)
    )


def test_session_of_an_axis_without_terms_is_not_offered_until_a_version_has_them(client, call, silent):
    now = timezone.now()
    assert silent not in offered_sessions(now)
    assert silent not in open_sessions(call, now)
    assert open_sessions(call, now).exists()
    listed = client.get(reverse("call_list")).content.decode()
    sheet = client.get(reverse("call_detail", args=[call.code])).content.decode()
    assert "Axe tout neuf, jusqu’au" not in listed
    assert "Axe tout neuf" in sheet
    assert "Relève neuve" not in sheet
    assert "axe=neuf" not in sheet
    version = call.rules_versions.create(
        number=99, effective_at=now - timedelta(hours=1), vintage=call.rules_versions.first().vintage
    )
    for axis in call.axes.all():
        AxisTerms.objects.create(rules_version=version, axis=axis, aid_rate="0.5", source="X")
    assert silent in open_sessions(call, now)
    assert "Axe tout neuf, jusqu’au" in client.get(reverse("call_list")).content.decode()
    sheet = client.get(reverse("call_detail", args=[call.code])).content.decode()
    assert "Relève neuve" in sheet
    assert "axe=neuf" in sheet


def test_call_without_any_axis_yet_says_so_in_the_simulator(client, call):
    now = timezone.now()
    coming = make_call(opens_at=now + timedelta(days=90), published_at=now - timedelta(days=1))
    coming.rules_versions.create(number=1, effective_at=now, vintage=call.rules_versions.first().vintage)
    page = client.get(reverse("eligibility"), {"qui": "commune:35238", "appel": coming.code})
    assert "Les axes de cet appel ne sont pas encore publiés" in page.content.decode()


def test_choice_of_the_simulator_leaves_out_the_calls_that_are_over(client, call):
    now = timezone.now()
    over = make_call(opens_at=now - timedelta(days=900), published_at=now - timedelta(days=900))
    assert list(client.get(reverse("eligibility")).context["calls"]) == [call]
    shown = client.get(reverse("eligibility"), {"appel": over.code}).context
    assert (shown["call"], shown["calls"]) == (over, [call, over])

"""Dossiers in bulk: all constraints kept, and pages that cost the same."""

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from applications.completeness import assessment_of
from applications.models import Application
from calls.enums import MandateRole
from tests.factories.accounts import sign_in
from tests.factories.applications import start, submitted_application
from tests.factories.calls import FIRST_RELEVE, MandateFactory, the_call


def test_seed_dossiers_spreads_over_axes_states_and_balances_each_plan(db):
    call = the_call()
    call_command("seed_dossiers", "200", verbosity=0)
    rows = Application.objects.filter(call=call)
    assert rows.count() == 200
    assert rows.order_by().values("axis").distinct().count() == call.axes.count()
    assert rows.order_by().values("state").distinct().count() >= 8
    for application in rows.filter(submitted_at__isnull=False)[:40]:
        assert assessment_of(application, FIRST_RELEVE).gap == 0


def test_seed_dossiers_twice_continues_its_numbers(db):
    the_call()
    call_command("seed_dossiers", "30", verbosity=0)
    call_command("seed_dossiers", "30", verbosity=0)
    assert Application.objects.count() == 60


def test_seed_dossiers_beside_real_dossiers_is_refused(db):
    start()
    with pytest.raises(CommandError, match="réels"):
        call_command("seed_dossiers", "5", verbosity=0)
    assert Application.objects.count() == 1


@pytest.mark.parametrize("page", ["screening_list", "screening_detail"])
def test_pages_of_screening_cost_the_same_with_3_and_300_dossiers(client, db, django_assert_max_num_queries, page):
    call = the_call()
    application = submitted_application()
    Application.objects.update(created_by=application.created_by)
    application.created_by.is_demonstration = True
    application.created_by.save()
    sign_in(client, MandateFactory(call=call, role=MandateRole.SCREENER).user)
    url = reverse(page, args=[application.pk] if page == "screening_detail" else [])
    client.get(url)
    costs = []
    for count in (3, 300):
        call_command("seed_dossiers", str(count), verbosity=0)
        with django_assert_max_num_queries(60) as seen:
            assert client.get(url).status_code == 200
        costs.append(len(seen))
    assert costs[0] == costs[1]

"""The journal as a page: for those who control, and for nobody who sits in a jury."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from calls.enums import MandateRole
from calls.services import grant_mandate
from core.journal import record
from tests.factories.accounts import AgentFactory, UserFactory, sign_in
from tests.factories.calls import the_call

pytestmark = pytest.mark.django_db


def mandate(user, call, role, **fields):
    grant_mandate(user=user, call=call, role=role, at=timezone.now() - timedelta(days=1), appointed_by=None, **fields)


@pytest.fixture
def auditor(client):
    user = AgentFactory()
    mandate(user, the_call(timezone.now()), MandateRole.AUDITOR)
    sign_in(client, user)
    return user


def write(count, chain="application:abc", actor=None):
    for number in range(count):
        record(chain=chain, action="application.tried", at=timezone.now(), actor=actor, data={"number": number})


def test_auditor_reads_filters_and_follows_a_chain(client, auditor):
    person = UserFactory(first_name="Ève", last_name="Durand")
    write(2, actor=person)
    write(1, chain="envelope:7")
    page = client.get(reverse("journal")).content.decode()
    assert "application.tried" in page
    assert "Ève Durand" in page
    assert "n’a pas encore été scellé" in page
    one = client.get(reverse("journal"), {"chaine": "envelope:7"}).content.decode()
    assert one.count('<th scope="row">') == 1
    assert "Ève Durand" not in one
    assert client.get(reverse("journal"), {"chaine": "abc"}).content.decode().count('<th scope="row">') == 2
    none = client.get(reverse("journal"), {"acte": "rien"}).content.decode()
    assert "Aucune écriture ne correspond" in none


def test_journal_is_not_found_for_a_local_auditor_a_juror_and_an_officer(client, auditor):
    call = the_call(timezone.now())
    local, seated, officer = AgentFactory(), AgentFactory(), AgentFactory()
    mandate(local, call, MandateRole.AUDITOR, departement_code="35")
    mandate(officer, call, MandateRole.OFFICER)
    for role in (MandateRole.AUDITOR, MandateRole.JUROR):
        mandate(seated, call, role)
    for user in (local, seated, officer):
        sign_in(client, user)
        assert client.get(reverse("journal")).status_code == 404
        assert reverse("journal") not in client.get("/").content.decode()
    sign_in(client, auditor)
    assert reverse("journal") in client.get("/").content.decode()


def test_journal_costs_the_same_with_1_3_and_30_rows(client, auditor):
    costs = []
    for size in (1, 2, 27):
        write(size, actor=auditor)
        client.get(reverse("journal"))
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("journal"))
        costs.append(len(queries))
    assert len(set(costs)) == 1, costs

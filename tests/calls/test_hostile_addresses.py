"""Addresses typed by anyone: whatever is in them, the pages of the calls, authorities and budget answer, never fail."""

import pytest
from django.urls import reverse
from django.utils import timezone

from calls.enums import MandateRole
from calls.services import grant_mandate
from tests.factories.accounts import AgentFactory, UserFactory, sign_in
from tests.factories.budget import Tree, make_mandate
from tests.factories.calls import the_call

TEXTS = ["\x00", "a\x00b", "--", "%", "é" * 5000, "²³", "٣٤", "1" * 5000, "\ud7ff\U0010ffff"]
DAYS = ["0001-01-01", "9999-12-31", "2021-13-45", "\x00", "1" * 5000]


@pytest.mark.parametrize("text", TEXTS)
def test_search_of_the_simulator_answers(client, db, text):
    the_call(timezone.now())
    for name in ("eligibility", "eligibility_search"):
        for field in ("q", "qui", "appel", "habilitation"):
            assert client.get(reverse(name), {field: text}).status_code == 200


@pytest.mark.parametrize("day", DAYS)
def test_day_of_the_simulator_answers(client, db, day):
    the_call(timezone.now())
    sent = {"le": day, "qui": "commune:35238", "q": "rennes"}
    for name in ("eligibility", "eligibility_search"):
        assert client.get(reverse(name), sent).status_code == 200


@pytest.mark.parametrize("text", TEXTS)
def test_search_of_ones_authority_answers(client, db, text):
    the_call(timezone.now())
    sign_in(client, UserFactory())
    for name in ("affiliation_home", "affiliation_search"):
        for field in ("q", "personnes"):
            assert client.get(reverse(name), {field: text}).status_code == 200
    assert client.get(reverse("affiliation_request"), {"qui": text}).status_code == 404


@pytest.mark.parametrize("text", TEXTS)
def test_lists_of_the_agents_answer(client, db, text):
    call = the_call(timezone.now())
    agent = AgentFactory()
    grant_mandate(user=agent, call=call, role=MandateRole.SCREENER, at=timezone.now(), appointed_by=None)
    sign_in(client, agent)
    for name in ("affiliation_list", "affiliation_requests"):
        for field in ("q", "page"):
            assert client.get(reverse(name), {field: text}).status_code == 200


@pytest.mark.parametrize("text", TEXTS)
def test_pages_of_the_budget_answer(client, db, text):
    tree = Tree("1000.00")
    officer = AgentFactory()
    make_mandate(officer, tree.call, MandateRole.OFFICER)
    sign_in(client, officer)
    code = tree.leaf.code
    for url in (
        reverse("budget_call", args=[tree.call.code]),
        reverse("envelope_detail", args=[tree.call.code, code]),
        reverse("envelope_dossiers", args=[tree.call.code, code, "reserve"]),
    ):
        for field in ("departement", "tri", "page"):
            assert client.get(url, {field: text}).status_code == 200

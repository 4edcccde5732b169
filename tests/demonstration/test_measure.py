"""What pages cost, asked in the base as it is; nothing of the measure stays."""

import json

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command

from accounts.models import User
from calls.models import Mandate
from core.models import JournalEntry
from demonstration import measure as module
from demonstration.measure import measure
from territories.models import Affiliation
from tests.factories.conventions import ConventionWorld

LEFT = (User, Session, Mandate, Affiliation, JournalEntry)


def rows():
    return [model.objects.count() for model in LEFT]


def test_measure_asks_every_page_and_leaves_nothing(db):
    world = ConventionWorld(2)
    world.release()
    before = rows()
    costs = measure(call=world.call, repeats=1)
    assert rows() == before
    assert {cost.status for cost in costs} == {200}
    assert {cost.role for cost in costs} == {"visiteur", "collectivité", "instruction", "ministère", "contrôle"}
    by_name = {(cost.name, cost.role): cost for cost in costs}
    assert len(by_name) == len(costs)
    for name in ("enveloppes", "dossiers derrière un chiffre", "classement", "une convention"):
        assert by_name[name, "ministère"].queries > 0
    assert by_name["dossiers à instruire", "instruction"].queries > 0


def test_measure_pages_prints_figures_for_programs(db, capsys):
    world = ConventionWorld(1)
    call_command("measure_pages", "--call", world.call.code, "--repeats", "1", "--json")
    found = json.loads(capsys.readouterr().out)
    assert (found["call"], found["dossiers"]) == (world.call.code, 1)
    assert all(page["status"] == 200 and page["elapsed"] > 0 for page in found["pages"])


def test_measure_pages_fails_when_a_page_does(db, monkeypatch, capsys):
    world = ConventionWorld(1)
    monkeypatch.setattr(module, "_read", lambda page: 302 if page.name == "journal" else 200)
    with pytest.raises(CommandError, match=r"journal \(contrôle\) : 302"):
        call_command("measure_pages", "--call", world.call.code, "--repeats", "1")


@pytest.mark.parametrize("arguments", [["--call", "inconnu"], ["--repeats", "0"]])
def test_measure_pages_refuses_what_it_cannot_measure(db, arguments):
    with pytest.raises(CommandError, match=r"inconnu|au moins une"):
        call_command("measure_pages", *arguments)

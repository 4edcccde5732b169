"""A demonstration made by an older version of the site, whose base a new rule refuses."""

import time
from argparse import ArgumentTypeError
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError

from demonstration.arguments import dossier_count
from demonstration.management.commands import prepare_demo
from demonstration.record import Record


@pytest.fixture
def refusing(monkeypatch):
    """The command, whose first migration is refused; what was called, in order."""
    command, called = prepare_demo.Command(stdout=StringIO()), []
    command.since = time.monotonic()

    def migrate():
        called.append("migrate")
        if called.count("migrate") == 1:
            raise IntegrityError("could not create unique index")

    monkeypatch.setattr(command, "migrate", migrate)
    monkeypatch.setattr(prepare_demo, "rebuild_database", lambda: called.append("rebuild"))
    return command, called


def test_base_of_an_older_demonstration_that_a_new_rule_refuses_is_made_anew(refusing):
    command, called = refusing
    record = Record("secret", is_complete=True)
    command.bring_up_to_date(record)
    assert called == ["migrate", "rebuild", "migrate"]
    assert record.is_complete is False
    assert "la démonstration est refaite" in command.stdout.getvalue()


def test_base_that_is_no_demonstration_is_never_made_anew(refusing):
    command, called = refusing
    with pytest.raises(IntegrityError):
        command.bring_up_to_date(None)
    assert called == ["migrate"]


def test_number_of_dossiers_is_refused_before_anything_is_prepared():
    with pytest.raises(CommandError, match="de 40 à 600, et non « 5 »"):
        call_command("demo", "--dossiers", "5")
    for text in ("39", "601", "-40", "²", "cent"):
        with pytest.raises(ArgumentTypeError):
            dossier_count(text)
    assert [dossier_count(text) for text in ("40", "600")] == [40, 600]

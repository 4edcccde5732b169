"""The command that gives an installed call the text of its conventions."""

import pytest
from django.core.management import CommandError, call_command

from conventions.data import transformation_numerique
from conventions.models import ConventionTemplate
from tests.factories.budget import make_call


def test_command_installs_the_text_once(db, capsys):
    call = make_call()
    call_command("install_convention_text", call.code)
    assert "20 articles, installée" in capsys.readouterr().out
    call_command("install_convention_text", call.code)
    assert "20 articles, déjà là" in capsys.readouterr().out
    assert ConventionTemplate.objects.filter(call=call).count() == 1


def test_command_adds_the_new_version_and_keeps_the_old_one(db, capsys, monkeypatch):
    call = make_call()
    call_command("install_convention_text", call.code)
    monkeypatch.setattr(transformation_numerique, "VERSION", transformation_numerique.VERSION + 1)
    call_command("install_convention_text", call.code)
    assert "installée" in capsys.readouterr().out.splitlines()[-1]
    versions = ConventionTemplate.objects.filter(call=call).order_by("version").values_list("version", flat=True)
    assert list(versions) == [transformation_numerique.VERSION - 1, transformation_numerique.VERSION]


def test_command_refuses_an_unknown_call(db):
    with pytest.raises(CommandError, match="Aucun appel"):
        call_command("install_convention_text", "inconnu")

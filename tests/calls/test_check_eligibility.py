"""The command, on the sample of territories (whose vintages count as loaded)."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from calls.models import Call
from territories.referential import load as loading
from tests.factories.calls import the_call
from tests.factories.territories import RENNES, RENNES_METROPOLE, load_sample


@pytest.fixture(autouse=True)
def sample_is_what_is_shipped(monkeypatch):
    """The sample stands for the shipped files: it is not replaced by them."""
    monkeypatch.setattr(loading.archive, "checksum", lambda path: "sample")


@pytest.fixture
def call(db):
    return the_call()


def run(*arguments):
    output = StringIO()
    call_command("check_eligibility", *arguments, stdout=output)
    return output.getvalue()


def run_json(*arguments):
    return json.loads(run(*arguments, "--json"))


def test_same_authority_before_and_after_the_change(call):
    before = run_json("--siren", RENNES_METROPOLE, "--axis", "axe-2", "--on", "2021-06-01")
    after = run_json("--siren", RENNES_METROPOLE, "--axis", "axe-2", "--on", "2021-09-21")
    assert (before["verdict"], after["verdict"]) == ("not_eligible", "eligible")
    assert before["axis"] == after["axis"] == "axe-2"
    assert before["on"].startswith("2021-06-01")
    thresholds = [rules["rules"][-1]["figures"]["threshold"] for rules in (before, after)]
    assert thresholds == [500_000, 300_000]
    assert {"code", "verdict", "message", "source", "figures"} == set(before["rules"][0])


def test_last_second_before_the_change_is_still_under_the_old_rules(call):
    found = run_json("--siren", RENNES_METROPOLE, "--axis", "axe-2", "--on", "2021-09-20T23:59:59")
    assert (found["verdict"], found["rules_version"]) == ("not_eligible", 1)


def test_code_and_kind_and_grouping(call):
    alone = run_json("--code", RENNES, "--axis", "axe-2", "--on", "2021-06-01")
    assert alone["verdict"] == "not_eligible"
    departement = run_json("--code", "48", "--kind", "departement", "--axis", "axe-2", "--on", "2021-06-01")
    assert departement["verdict"] == "eligible"
    grouping = run_json(
        "--siren", RENNES_METROPOLE, "--grouping", "244200770", "213502388", "--axis", "axe-2", "--on", "2021-06-01"
    )
    assert grouping["verdict"] == "eligible"
    assert grouping["population"]["shared_communes"] == 1


def test_missing_population_prints_unknown(call):
    found = run_json("--code", "98411", "--axis", "axe-2", "--on", "2021-06-01")
    assert found["verdict"] == "unknown"
    assert found["rules"][-1]["figures"]["population"] is None


def test_facts_of_the_pack_are_options(call):
    arguments = ("--siren", RENNES_METROPOLE, "--axis", "pack-franceconnect", "--on", "2021-06-01")
    assert run_json(*arguments)["verdict"] == "unknown"
    given = (*arguments, "--prior-authorisation", "yes", "--prior-requests", "0")
    assert run_json(*given)["verdict"] == "eligible"


def test_plain_output_is_french(call):
    text = run("--siren", RENNES_METROPOLE, "--axis", "axe-2", "--on", "2021-06-01")
    assert "Verdict : non éligible (règlement version 1, populations 2021)" in text
    assert "451\u00a0762\u00a0habitants" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--siren", "123456789", "--axis", "axe-2"], "Aucune collectivité ne porte le SIREN 123456789"),
        (["--code", "99999", "--axis", "axe-2"], "n’a le code 99999"),
        (["--siren", RENNES_METROPOLE, "--axis", "axe-9"], "L’axe « axe-9 » n’existe pas"),
        (["--axis", "axe-2"], "Indiquez une collectivité"),
        (["--siren", RENNES_METROPOLE, "--axis", "axe-2", "--on", "hier"], "n’est pas une date"),
        (["--siren", RENNES_METROPOLE, "--axis", "axe-2", "--on", "2021-02-30"], "n’est pas une date"),
        (["--siren", RENNES_METROPOLE, "--axis", "axe-2", "--on", "2020-06-01"], "Aucune règle n’est en vigueur"),
    ],
)
def test_what_is_not_understood_is_said_in_french_with_exit_code_2(call, arguments, message):
    with pytest.raises(CommandError, match=message) as error:
        run(*arguments)
    assert error.value.returncode == 2


def test_missing_call_is_installed_by_the_command(db):
    load_sample()
    found = run_json("--siren", RENNES_METROPOLE, "--axis", "axe-2", "--on", "2021-06-01")
    assert found["verdict"] == "not_eligible"
    assert Call.objects.filter(code="transformation-numerique").exists()

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls.eligibility import candidate_of, evaluate, evaluate_axes, rules_version_at
from calls.enums import Verdict
from core.errors import Refused
from territories.models import Grouping
from territories.services import organisation_for
from tests.factories.calls import axis_of, the_call
from tests.factories.territories import (
    BORDEAUX_METROPOLE,
    PLAINE_COMMUNE,
    RENNES,
    RENNES_METROPOLE,
    WITHOUT_INHABITANTS,
    WITHOUT_POPULATION,
    territory,
)

PARIS = ZoneInfo("Europe/Paris")
CHANGE = datetime(2021, 9, 21, tzinfo=PARIS)
BEFORE = CHANGE - timedelta(microseconds=1)
SUMMER = datetime(2021, 6, 1, tzinfo=PARIS)


@pytest.fixture
def call(db):
    return the_call()


def verdict_of(call, axis, on, *authorities, **facts):
    return evaluate(axis=axis_of(call, axis), on=on, candidate=candidate_of(authorities, **facts))


def test_rules_change_at_the_exact_instant_in_paris(call):
    assert datetime(2021, 9, 20, 22, tzinfo=UTC) == CHANGE
    assert rules_version_at(call, BEFORE).number == 1
    assert rules_version_at(call, CHANGE).number == 2
    rennes = territory("epci", RENNES_METROPOLE)
    assert verdict_of(call, "axe-2", BEFORE, rennes).verdict == Verdict.NOT_ELIGIBLE
    assert verdict_of(call, "axe-2", CHANGE, rennes).verdict == Verdict.ELIGIBLE
    assert verdict_of(call, "axe-3", BEFORE, rennes).verdict == Verdict.ELIGIBLE
    assert verdict_of(call, "axe-3", CHANGE, rennes).verdict == Verdict.NOT_ELIGIBLE


def test_population_is_the_one_in_force_in_the_year_of_the_call(call):
    # Angers Loire Métropole: 299 476 inhabitants in force in 2021, 302 399 in force in 2022 only.
    angers = territory("epci", "244900015")
    found = verdict_of(call, "axe-2", CHANGE, angers)
    assert found.population.total == 299_476
    assert found.verdict == Verdict.NOT_ELIGIBLE


def test_no_rules_before_the_opening(call):
    with pytest.raises(Refused, match="Aucune règle n’est en vigueur au 24 janvier 2021") as refusal:
        rules_version_at(call, call.opens_at - timedelta(seconds=1))
    assert "25 janvier 2021" in refusal.value.message


def test_version_and_vintage_are_kept_with_the_verdict(call):
    kept = verdict_of(call, "axe-2", SUMMER, territory("epci", RENNES_METROPOLE)).as_json()
    assert json.loads(json.dumps(kept)) == kept
    assert (kept["axis"], kept["on"], kept["verdict"]) == ("axe-2", "2021-06-01T00:00:00+02:00", "not_eligible")
    assert (kept["rules_version"], kept["vintage"], kept["population"]["total"]) == (1, 2021, 451_762)
    codes = [(rule["code"], rule["verdict"]) for rule in kept["rules"]]
    assert codes == [("organisation_kinds", "passed"), ("population_at_least", "failed")]
    assert all(rule["message"] and rule["source"] for rule in kept["rules"])


def test_demonstration_version_judges_with_the_vintage_of_2026(call):
    on = datetime(2026, 3, 1, tzinfo=PARIS)
    found = verdict_of(call, "axe-2", on, territory("epci", RENNES_METROPOLE, 2026))
    assert (found.rules_version, found.vintage, found.population.total) == (3, 2026, 480_178)


@pytest.mark.parametrize(
    ("kind", "code", "axis", "expected"),
    [
        ("epci", BORDEAUX_METROPOLE, "axe-2", Verdict.ELIGIBLE),
        ("epci", BORDEAUX_METROPOLE, "axe-3", Verdict.NOT_ELIGIBLE),
        ("departement", "48", "axe-2", Verdict.ELIGIBLE),
        ("departement", "48", "axe-3", Verdict.ELIGIBLE),
        ("commune", RENNES, "axe-1", Verdict.ELIGIBLE),
        ("commune", RENNES, "axe-2", Verdict.NOT_ELIGIBLE),
        ("commune", WITHOUT_INHABITANTS[0], "axe-3", Verdict.ELIGIBLE),
        ("commune", WITHOUT_POPULATION, "axe-2", Verdict.UNKNOWN),
        ("commune", WITHOUT_POPULATION, "axe-3", Verdict.UNKNOWN),
        ("region", "94", "axe-2", Verdict.NOT_ELIGIBLE),
    ],
)
def test_real_authorities_in_june_2021(call, kind, code, axis, expected):
    assert verdict_of(call, axis, SUMMER, territory(kind, code)).verdict == expected


def test_authority_unknown_to_the_vintage_cannot_be_told(call):
    plaine = territory("ept", PLAINE_COMMUNE, 2026)
    found = verdict_of(call, "axe-2", SUMMER, plaine)
    assert found.verdict == Verdict.UNKNOWN
    assert "millésime 2021" in found.rules[-1].message


def test_grouping_is_judged_on_the_union_of_its_communes(call):
    rennes, saint_etienne = territory("epci", RENNES_METROPOLE), territory("epci", "244200770")
    both = verdict_of(call, "axe-2", SUMMER, rennes, saint_etienne)
    assert both.verdict == Verdict.ELIGIBLE
    lead = organisation_for(rennes)
    grouping = Grouping.objects.create(name="Essai", lead=lead)
    grouping.members.set([lead, organisation_for(territory("commune", RENNES))])
    shared = verdict_of(call, "axe-2", SUMMER, grouping)
    assert shared.population.total == 451_762
    assert shared.population.shared_communes == 1
    assert shared.verdict == Verdict.NOT_ELIGIBLE


def test_pack_is_for_one_authority_authorised_and_once(call):
    rennes, facts = territory("epci", RENNES_METROPOLE), {"prior_requests": {}, "prior_authorisation": True}
    axis = "pack-franceconnect"
    assert verdict_of(call, axis, SUMMER, rennes, **facts).verdict == Verdict.ELIGIBLE
    assert verdict_of(call, axis, SUMMER, rennes).verdict == Verdict.UNKNOWN
    again = {**facts, "prior_requests": {axis: 1}}
    assert verdict_of(call, axis, SUMMER, rennes, **again).verdict == Verdict.NOT_ELIGIBLE
    unauthorised = {**facts, "prior_authorisation": False}
    assert verdict_of(call, axis, SUMMER, rennes, **unauthorised).verdict == Verdict.NOT_ELIGIBLE
    two = verdict_of(call, axis, SUMMER, rennes, territory("commune", RENNES), **facts)
    assert two.verdict == Verdict.NOT_ELIGIBLE


def test_rule_with_wrong_parameters_is_refused_before_it_is_kept(call):
    rule = axis_of(call).eligibility_rules.filter(kind="population_at_least").first()
    rule.parameters = {"threshold": -1}
    with pytest.raises(ValidationError, match="nombre entier"):
        rule.full_clean()


@pytest.mark.parametrize("number", [1, 3, 30])
def test_evaluation_of_all_axes_takes_five_queries_whatever_the_members(call, number):
    members = [territory("commune", code) for code in _communes(number)]
    with CaptureQueriesContext(connection) as queries:
        verdicts = evaluate_axes(call=call, on=SUMMER, candidate=candidate_of(members))
    assert len(verdicts) == 4
    assert len(queries) == 5


def _communes(number):
    memberships = territory("epci", RENNES_METROPOLE).memberships.select_related("commune").order_by("id")[:number]
    return [membership.commune.code for membership in memberships]

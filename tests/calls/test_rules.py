"""Each rule class at its boundaries, without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.eligibility.candidate import Candidate, Member
from calls.eligibility.rules import Context, InvalidParameters, build
from calls.eligibility.verdict import RuleResult, combine
from calls.eligibility.wording import figures_in_words
from calls.enums import RuleKind, RuleVerdict, Verdict
from territories.population import CoveredPopulation, Perimeter

THRESHOLD = 300_000


def member(kind="epci", name="Métropole", departement="35", region="53"):
    return Member(kind, name, Perimeter(name, ()), departement, region)


def population(known, *, missing=(), communes=1):
    total = None if missing else known
    return CoveredPopulation(2021, total, known, communes, 0, list(missing))


def answer(kind, parameters, *, candidate=None, covered=None):
    candidate = candidate or Candidate((member(),))
    context = Context("axe-2", candidate, covered or population(1), "Règlement, article 1")
    return build(kind, parameters).evaluate(context)


@given(st.integers(min_value=0, max_value=10_000_000), st.integers(min_value=1, max_value=10_000_000))
def test_population_rules_answer_the_comparison_and_are_opposite(known, threshold):
    covered = population(known)
    at_least = answer("population_at_least", {"threshold": threshold}, covered=covered)
    below = answer("population_below", {"threshold": threshold}, covered=covered)
    assert (at_least.verdict == RuleVerdict.PASSED) is (known >= threshold)
    assert {at_least.verdict, below.verdict} == {RuleVerdict.PASSED, RuleVerdict.FAILED}


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        (THRESHOLD - 1, RuleVerdict.FAILED),
        (THRESHOLD, RuleVerdict.PASSED),
        (THRESHOLD + 1, RuleVerdict.PASSED),
        (0, RuleVerdict.FAILED),
    ],
)
def test_population_at_least_at_its_boundary(known, verdict):
    result = answer("population_at_least", {"threshold": THRESHOLD}, covered=population(known))
    assert result.verdict == verdict
    assert (result.figures["population"], result.figures["threshold"]) == (known, THRESHOLD)


@given(st.integers(min_value=0, max_value=1_000_000))
def test_missing_population_is_never_refused_on_a_minimum(known):
    covered = population(known, missing=["la population de X n’est pas connue"])
    result = answer("population_at_least", {"threshold": THRESHOLD}, covered=covered)
    assert result.verdict == (RuleVerdict.PASSED if known >= THRESHOLD else RuleVerdict.UNKNOWN)
    assert result.figures["population"] is None


@given(st.integers(min_value=0, max_value=1_000_000))
def test_missing_population_never_passes_a_maximum(known):
    covered = population(known, missing=["la population de X n’est pas connue"])
    result = answer("population_below", {"threshold": THRESHOLD}, covered=covered)
    assert result.verdict == (RuleVerdict.FAILED if known >= THRESHOLD else RuleVerdict.UNKNOWN)


def test_doubt_tells_its_reason():
    covered = population(10, missing=["la population de X n’est pas connue"])
    result = answer("population_below", {"threshold": THRESHOLD}, covered=covered)
    assert "la population de X n’est pas connue" in result.message
    assert "10\u00a0habitants" in result.message


def test_departement_is_exempt_from_the_minimum_even_without_population():
    lozere = Candidate((member("departement", "Lozère", "48", "76"),))
    parameters = {"threshold": THRESHOLD, "exempt_kinds": ["departement"]}
    for covered in (population(76_000), population(0, missing=["inconnue"])):
        result = answer("population_at_least", parameters, candidate=lozere, covered=covered)
        assert result.verdict == RuleVerdict.PASSED
        assert "département" in result.message
    without = answer("population_at_least", {"threshold": THRESHOLD}, candidate=lozere, covered=population(76_000))
    assert without.verdict == RuleVerdict.FAILED


def test_exemption_applies_to_a_maximum_too():
    region = Candidate((member("region", "Bretagne", "", "53"),))
    parameters = {"threshold": THRESHOLD, "exempt_kinds": ["region"]}
    covered = population(3_300_000)
    assert answer("population_below", parameters, candidate=region, covered=covered).verdict == RuleVerdict.PASSED


def test_organisation_kinds_names_who_is_outside():
    parameters = {"kinds": ["commune", "epci"]}
    assert answer("organisation_kinds", parameters).verdict == RuleVerdict.PASSED
    syndicat = Candidate((member(), member("syndicat", "Syndicat d’essai")))
    refused = answer("organisation_kinds", parameters, candidate=syndicat)
    assert refused.verdict == RuleVerdict.FAILED
    assert "Syndicat d’essai" in refused.message
    assert answer("organisation_kinds", parameters, candidate=Candidate(())).verdict == RuleVerdict.UNKNOWN


def test_organisation_kinds_may_refuse_groupings():
    two = Candidate((member(), member("commune", "Rennes")))
    parameters = {"kinds": ["commune", "epci"]}
    assert answer("organisation_kinds", parameters, candidate=two).verdict == RuleVerdict.PASSED
    assert answer("organisation_kinds", {**parameters, "groupings": False}, candidate=two).verdict == RuleVerdict.FAILED


@pytest.mark.parametrize(
    ("prior", "verdict"),
    [
        (None, RuleVerdict.UNKNOWN),
        ({}, RuleVerdict.PASSED),
        ({"axe-2": 0}, RuleVerdict.PASSED),
        ({"axe-3": 4}, RuleVerdict.PASSED),
        ({"axe-2": 1}, RuleVerdict.FAILED),
        ({"axe-2": 2}, RuleVerdict.FAILED),
    ],
)
def test_one_per_organisation_counts_requests_on_its_axis(prior, verdict):
    candidate = Candidate((member(),), prior_requests=prior)
    assert answer("one_per_organisation", {}, candidate=candidate).verdict == verdict


@pytest.mark.parametrize(
    ("given", "verdict"), [(None, RuleVerdict.UNKNOWN), (True, RuleVerdict.PASSED), (False, RuleVerdict.FAILED)]
)
def test_prior_authorisation(given, verdict):
    candidate = Candidate((member(),), prior_authorisation=given)
    assert answer("prior_authorisation", {"label": "une habilitation"}, candidate=candidate).verdict == verdict


def test_in_territory_wants_every_member_inside():
    inside, outside = member(), member(name="Bordeaux", departement="33", region="75")
    parameters = {"departements": ["35"]}
    assert answer("in_territory", parameters, candidate=Candidate((inside,))).verdict == RuleVerdict.PASSED
    refused = answer("in_territory", parameters, candidate=Candidate((inside, outside)))
    assert refused.verdict == RuleVerdict.FAILED
    assert "Bordeaux" in refused.message
    nowhere = Candidate((member(departement="", region=""),))
    assert answer("in_territory", parameters, candidate=nowhere).verdict == RuleVerdict.UNKNOWN
    assert answer("in_territory", {"regions": ["53"]}, candidate=Candidate((inside,))).verdict == RuleVerdict.PASSED


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("organisation_kinds", {}),
        ("organisation_kinds", {"kinds": []}),
        ("organisation_kinds", {"kinds": ["association"]}),
        ("population_at_least", {}),
        ("population_at_least", {"threshold": 0}),
        ("population_at_least", {"threshold": "300000"}),
        ("population_at_least", {"threshold": True}),
        ("population_below", {"threshold": 10, "exempt_kinds": "departement"}),
        ("one_per_organisation", {"maximum": 0}),
        ("prior_authorisation", {}),
        ("prior_authorisation", {"label": " "}),
        ("in_territory", {}),
        ("in_territory", {"departements": [35]}),
        ("unheard_of", {}),
        ("population_at_least", []),
    ],
)
def test_parameters_that_make_no_sense_are_refused(kind, parameters):
    with pytest.raises(InvalidParameters):
        build(kind, parameters)


def test_every_kind_has_a_class_that_describes_itself():
    parameters = {
        "organisation_kinds": {"kinds": ["commune"]},
        "population_at_least": {"threshold": 5},
        "population_below": {"threshold": 5},
        "one_per_organisation": {},
        "prior_authorisation": {"label": "une habilitation"},
        "in_territory": {"departements": ["35"]},
    }
    assert set(parameters) == set(RuleKind.values)
    for kind, values in parameters.items():
        assert build(kind, values).describe().endswith(".")


P, F, U = (RuleResult("x", verdict, "", "") for verdict in RuleVerdict)


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ([P, P], Verdict.ELIGIBLE),
        ([P, F], Verdict.NOT_ELIGIBLE),
        ([P, U], Verdict.UNKNOWN),
        ([U, F], Verdict.NOT_ELIGIBLE),
        ([], Verdict.UNKNOWN),
    ],
)
def test_verdicts_combine(results, verdict):
    assert combine(results) == verdict


def test_figures_are_told_in_words():
    covered = CoveredPopulation(2021, None, 10, 3, 1, ["x"])
    result = answer("population_at_least", {"threshold": 300_000}, covered=covered)
    words = dict(figures_in_words(result))
    assert words["Population couverte"] == "inconnue"
    assert words["Part connue"] == "10\u00a0habitants"
    assert words["Seuil"] == "300\u00a0000\u00a0habitants"
    assert words["Dont communes partagées, comptées une fois"] == "1"
    assert figures_in_words(answer("organisation_kinds", {"kinds": ["epci"]})) == []

"""The financing plan: pure arithmetic on Decimal, and the rules of law written on it."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from applications.enums import FundingKind
from applications.financing import (
    PUBLIC_AID,
    Cost,
    Plan,
    Resource,
    Terms,
    assess,
    largest_aid,
    own_share_required,
    possible_aid,
)
from calls.enums import CostCategory, CostNature

HALF = Terms(aid_rate=Decimal("0.50"), source="Règlement, art. 4")
FULL = Terms(aid_rate=Decimal("1.00"), source="Règlement, art. 4")
amounts = st.decimals(min_value="0.01", max_value="9999999.99", places=2, allow_nan=False)
costs = st.lists(
    st.builds(
        Cost, amount=amounts, category=st.sampled_from(CostCategory.values), nature=st.sampled_from(CostNature.values)
    ),
    min_size=1,
    max_size=8,
)
resources = st.lists(
    st.builds(
        Resource,
        amount=amounts,
        kind=st.sampled_from([kind for kind in FundingKind.values if kind != FundingKind.REQUESTED]),
    ),
    max_size=6,
)
terms = st.builds(
    Terms,
    aid_rate=st.decimals(min_value="0", max_value="1", places=4),
    excluded_categories=st.frozensets(st.sampled_from(CostCategory.values), max_size=3),
    requires_own_share=st.booleans(),
    amount_max=st.none() | amounts,
)
plans = st.builds(
    Plan,
    costs=costs.map(tuple),
    resources=resources.map(tuple),
    amount_requested=st.none() | amounts,
    terms=terms,
    is_overseas=st.booleans(),
    has_derogation=st.booleans(),
)


def investment(amount: str, category: str = "services") -> Cost:
    return Cost(Decimal(amount), category, CostNature.INVESTMENT)


def operating(amount: str) -> Cost:
    return Cost(Decimal(amount), "services", CostNature.OPERATING)


def own(amount: str) -> Resource:
    return Resource(Decimal(amount), FundingKind.OWN)


def codes(plan: Plan) -> set[str]:
    return {finding.code for finding in assess(plan).blocking}


def plan(*lines, requested: str | None, resources=(), terms: Terms = HALF, **options) -> Plan:
    return Plan(tuple(lines), tuple(resources), None if requested is None else Decimal(requested), terms, **options)


# How fast inputs are drawn tells about the machine, not about the plan.
patient = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)


@patient
@given(plans)
def test_totals_are_exact_sums(case):
    totals = assess(case)
    assert totals.total_cost == totals.eligible_cost + totals.excluded_cost
    assert totals.total_cost == totals.investment_cost + totals.operating_cost
    assert totals.total_resources == totals.own + totals.public_aid + totals.private
    assert totals.gap == totals.total_cost - totals.total_resources
    for value in vars(totals).values():
        assert not isinstance(value, float)


@patient
@given(plans)
def test_a_plan_without_finding_respects_every_ceiling(case):
    totals = assess(case)
    if case.amount_requested is None or totals.blocking:
        return
    assert totals.gap == 0
    assert case.amount_requested <= totals.largest_aid <= totals.eligible_cost * case.terms.aid_rate
    assert totals.public_aid <= totals.eligible_cost
    assert totals.own >= totals.own_share_required


@patient
@given(plans)
def test_one_cent_above_the_largest_aid_is_refused(case):
    ceiling = largest_aid(assess(case).eligible_cost, case.terms)
    above = Plan(case.costs, case.resources, ceiling + Decimal("0.01"), case.terms)
    assert codes(above) & {"above_rate", "above_maximum"}


@patient
@given(plans)
def test_possible_aid_is_the_most_that_nothing_refuses(case):
    """Asked with the rest brought by the authority itself, it passes; one cent more does not."""
    most = possible_aid(case)
    assert most <= assess(case).largest_aid
    kept = tuple(row for row in case.resources if row.kind != FundingKind.OWN)

    def refused(requested):
        rest = sum((cost.amount for cost in case.costs), Decimal(0)) - requested - sum(row.amount for row in kept)
        brings = (Resource(max(rest, Decimal(0)), FundingKind.OWN),)
        return codes(replace(case, amount_requested=requested, resources=kept + brings))

    if most > 0:
        assert not refused(most)
    assert refused(most + Decimal("0.01"))


@patient
@given(plans)
def test_own_share_is_a_fifth_of_the_public_money_of_the_investment(case):
    required = own_share_required(case)
    invested = sum(cost.amount for cost in case.costs if cost.nature == CostNature.INVESTMENT)
    if not case.terms.requires_own_share or case.is_overseas or case.has_derogation or not invested:
        assert required == 0
        return
    aids = sum(row.amount for row in case.resources if row.kind in PUBLIC_AID) + (case.amount_requested or 0)
    share = Fraction(invested) / Fraction(sum(cost.amount for cost in case.costs)) / 5
    for own_share, is_enough in ((required, True), (required - Decimal("0.01"), False)):
        if own_share >= 0:
            assert (Fraction(own_share) >= share * (Fraction(aids) + Fraction(own_share))) is is_enough


def test_balanced_plan_at_the_rate_has_nothing_to_say():
    assert assess(plan(investment("100000.00"), requested="50000.00", resources=[own("50000.00")])).findings == ()


def test_unbalanced_plan_tells_the_gap():
    found = assess(plan(investment("100.00"), requested="50.00", resources=[own("49.99")])).blocking
    assert [finding.code for finding in found] == ["unbalanced"]
    assert "0,01" in found[0].message


def test_excluded_category_leaves_the_base_of_the_aid():
    terms = Terms(aid_rate=Decimal("0.50"), excluded_categories=frozenset({"staff"}), source="art. 4")
    case = plan(
        investment("100.00"), investment("100.00", "staff"), requested="60.00", resources=[own("140.00")], terms=terms
    )
    totals = assess(case)
    assert (totals.eligible_cost, totals.largest_aid) == (Decimal("100.00"), Decimal("50.00"))
    assert codes(case) == {"above_rate"}
    assert [finding.code for finding in totals.findings if not finding.blocking] == ["excluded_costs"]


def test_total_public_aid_stops_at_the_eligible_cost():
    region = Resource(Decimal("60.00"), FundingKind.REGION)
    case = plan(operating("100.00"), requested="50.00", resources=[region], terms=FULL)
    assert "public_aid_above_cost" in codes(case)
    assert "décret n° 2018-514" in next(
        f.source for f in assess(case).blocking if f.code == "public_aid_above_cost"
    ).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        ({}, True),
        ({"is_overseas": True}, False),
        ({"has_derogation": True}, False),
    ],
)
def test_investment_paid_wholly_by_aid_is_refused_except_overseas_or_by_derogation(options, refused):
    case = plan(investment("100.00"), requested="100.00", terms=FULL, **options)
    assert ("own_share_too_low" in codes(case)) is refused


def test_running_costs_may_be_paid_wholly_by_aid():
    assert codes(plan(operating("100.00"), requested="100.00", terms=FULL)) == set()


def test_rule_of_the_own_share_is_switched_off_by_the_terms_of_the_axis():
    terms = Terms(aid_rate=Decimal("1.00"), requires_own_share=False)
    assert codes(plan(investment("100.00"), requested="100.00", terms=terms)) == set()


def test_minimum_that_is_told_suffices_once_it_is_typed():
    short = plan(investment("12000.50"), requested="9600.50", resources=[own("2400.00")], terms=FULL)
    told = assess(short).own_share_required
    assert told == Decimal("2400.13")
    assert codes(short) == {"own_share_too_low"}
    enough = plan(investment("12000.63"), requested="9600.50", resources=[own(str(told))], terms=FULL)
    assert assess(enough).own_share_required == told
    assert codes(enough) == set()


def test_mixed_project_asks_the_own_share_of_its_investment_only():
    case = plan(investment("50.00"), operating("50.00"), requested="90.00", resources=[own("10.00")], terms=FULL)
    assert assess(case).own_share_required == Decimal("10.00")
    assert codes(case) == set()
    poorer = plan(investment("50.00"), operating("50.00"), requested="90.01", resources=[own("9.99")], terms=FULL)
    assert codes(poorer) == {"own_share_too_low"}


def test_flat_amount_above_the_cost_is_told_once_with_what_it_needs():
    terms = Terms(aid_rate=Decimal("1.00"), flat_amount=Decimal("5000.00"), requires_own_share=False)
    for asked in ("5000", "3000"):
        case = plan(operating("3000"), requested=asked, terms=terms)
        assert codes(case) - {"unbalanced"} == {"below_flat"}
    told = next(finding.message for finding in assess(case).blocking if finding.code == "below_flat")
    assert "au moins autant de dépenses" in told
    assert assess(case).possible_aid == Decimal("5000.00")


def test_flat_amount_is_that_amount_and_nothing_else():
    terms = Terms(aid_rate=Decimal("1.00"), flat_amount=Decimal("5000.00"), requires_own_share=False)
    assert codes(plan(operating("8000.00"), requested="5000.00", resources=[own("3000.00")], terms=terms)) == set()
    case = plan(operating("8000.00"), requested="4000.00", resources=[own("4000.00")], terms=terms)
    assert codes(case) == {"not_flat"}


@pytest.mark.parametrize(
    ("requested", "code"), [("99.99", "below_minimum"), ("100.00", None), ("300.00", None), ("300.01", "above_maximum")]
)
def test_aid_stays_between_its_bounds(requested, code):
    terms = Terms(aid_rate=Decimal("1.00"), amount_min=Decimal("100"), amount_max=Decimal("300"))
    rest = Decimal("1000.00") - Decimal(requested)
    case = plan(operating("1000.00"), requested=requested, resources=[own(str(rest))], terms=terms)
    assert codes(case) == ({code} if code else set())


def test_unknown_request_is_not_zero():
    totals = assess(plan(investment("100.00"), requested=None, resources=[own("100.00")]))
    assert totals.requested is None
    assert totals.aid_rate is None
    assert totals.blocking == []

"""Evaluates the rules in force at an instant, with a number of queries that does not grow with axes or members."""

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format

from calls.eligibility.candidate import Candidate
from calls.eligibility.rules import Context, build
from calls.eligibility.verdict import AxisVerdict, combine
from calls.models import Axis, Call, EligibilityRule, RulesVersion
from core.errors import Refused
from territories.population import CoveredPopulation, covered_population


def french_day(instant: datetime) -> str:
    """« 1er janvier 2020 », in Europe/Paris."""
    local = timezone.localtime(instant)
    return f"{'1er' if local.day == 1 else local.day} {date_format(local, 'F Y')}"


def rules_version_at(call: Call, on: datetime) -> RulesVersion:
    """The version of the rules in force at ``on``. Refused before the first one."""
    version = call.rules_versions.filter(effective_at__lte=on).order_by("-effective_at").first()
    if version is None:
        raise Refused(
            f"Aucune règle n’est en vigueur au {french_day(on)}\u00a0: l’appel ouvre le {french_day(call.opens_at)}.",
            field="on",
        )
    return version


def evaluate(*, axis: Axis, on: datetime, candidate: Candidate) -> AxisVerdict:
    """Whether ``candidate`` is eligible to ``axis`` at ``on``. Refused when no rules were in force yet."""
    return evaluate_axes(call=axis.call, axes=[axis], on=on, candidate=candidate)[0]


def evaluate_axes(
    *, call: Call, on: datetime, candidate: Candidate, axes: Iterable[Axis] | None = None
) -> list[AxisVerdict]:
    """The verdict of each axis of a call (or of ``axes``); the population is computed once."""
    version = rules_version_at(call, on)
    chosen = list(axes) if axes is not None else list(call.axes.order_by("position"))
    rules: dict[int, list[EligibilityRule]] = {axis.pk: [] for axis in chosen}
    for rule in version.eligibility_rules.filter(axis__in=rules).order_by("axis_id", "position"):
        rules[rule.axis_id].append(rule)
    population = covered_population(vintage=version.vintage_id, parts=candidate.perimeters)
    return [_verdict(axis, on, candidate, version, rules[axis.pk], population) for axis in chosen]


def _verdict(
    axis: Axis,
    on: datetime,
    candidate: Candidate,
    version: RulesVersion,
    rules: list[EligibilityRule],
    population: CoveredPopulation,
) -> AxisVerdict:
    results = [
        build(rule.kind, rule.parameters).evaluate(Context(axis.code, candidate, population, rule.source))
        for rule in rules
    ]
    return AxisVerdict(
        axis=axis.code,
        axis_title=axis.title,
        on=on,
        verdict=combine(results),
        rules=results,
        rules_version=version.number,
        vintage=version.vintage_id,
        population=population,
    )

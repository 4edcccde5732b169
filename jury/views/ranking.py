"""The ranking against the envelope, on the marks that its reader may see, and its export."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from applications.enums import ApplicationState
from applications.models import Application
from core.exports import csv_response
from jury.calibration import Calibration, Mark, calibrate
from jury.enums import EvaluationState
from jury.forms import FloorForm
from jury.models import Jury
from jury.permissions import dossiers_of, readable_evaluations, reads_names
from jury.queries import Merit, Purse, criteria_of, items_of, merit_of
from jury.ranking import Ranked, tie_rule
from jury.selection import RULES, Floor, referee, two_passes
from jury.views.found import followed_jury

HEADER = (
    "Rang",
    "Rang le meilleur",
    "Rang le moins bon",
    "Numéro",
    "Collectivité",
    "Projet",
    "Moyenne sur 20",
    "Écart entre jurés",
    "Aide demandée (euros)",
    "Cumul (euros)",
    "Dans l’enveloppe",
)


@dataclass(frozen=True)
class Line:
    """One dossier of the ranking; ``running`` is the sum asked down to this rank, in euros."""

    row: Ranked
    dossier: Application
    running: Decimal
    is_in: bool
    is_on_agenda: bool
    purse: Purse | None
    corrected: float | None = None


@dataclass(frozen=True)
class Standing:
    """What the page ranks: the dossiers that await a decision or, when ``is_decided``, those that have had theirs.

    They are never mixed: the money of the ones is what is left, that of the others is already out of it.
    """

    merit: Merit
    dossiers: dict[str, Application]
    is_decided: bool
    has_others: bool


def lines_of(standing: Standing, corrected: dict[str, float] | None = None) -> list[Line]:
    """The ranking with running sums of what the rule selects."""
    merit, dossiers = standing.merit, standing.dossiers
    chosen, running, lines = set(merit.selection.chosen), Decimal(0), []
    agenda = set() if standing.is_decided else merit.agenda()
    for row in merit.ranked:
        if row.key in chosen:
            running += row.candidate.amount
        aid = None if corrected is None else corrected.get(row.key)
        purse = merit.purse_of(row)
        lines.append(Line(row, dossiers[row.key], running, row.key in chosen, row.key in agenda, purse, aid))
    return lines


def _standing(request: HttpRequest, jury: Jury) -> Standing:
    """What awaits a decision, as soon as a mark of it can be read; else, or when asked for, what is decided."""
    readable = readable_evaluations(request.user, jury)
    seen = dossiers_of(jury, request.user).select_related("organisation", "theme").order_by("pk")
    rows = {str(row.pk): row for row in seen.exclude(state=ApplicationState.WITHDRAWN)}
    waiting = {key: row for key, row in rows.items() if row.state == ApplicationState.ADMISSIBLE}
    decided = {key: row for key, row in rows.items() if key not in waiting}
    marked = readable.filter(application__in=list(waiting), state=EvaluationState.SUBMITTED).exists()
    is_decided = bool(decided) and (request.GET.get("voir") == "decides" or not marked)
    dossiers = decided if is_decided else waiting
    merit = merit_of(jury, dossiers.values(), readable, is_decided=is_decided)
    return Standing(merit, dossiers, is_decided, has_others=marked if is_decided else bool(decided))


def _correction(request: HttpRequest, jury: Jury) -> Calibration | None:
    """Only when asked for: the correction is off by default, and for members of the jury."""
    if request.GET.get("correction") != "oui" or not reads_names(request.user, jury):
        return None
    rows = readable_evaluations(request.user, jury).filter(state=EvaluationState.SUBMITTED)
    found = rows.order_by("pk").values_list("application_id", "juror_id", "total")
    return calibrate([Mark(str(dossier), juror, float(total)) for dossier, juror, total in found if total is not None])


def _floors(minimum: int, dossiers: dict[str, Application]) -> list[Floor]:
    """« Au moins n dossiers par thème »; none for 0."""
    if not minimum:
        return []
    themes = {row.theme_id: row.theme for row in dossiers.values() if row.theme is not None}
    return [
        Floor(
            code=theme.code,
            label=theme.label,
            members=frozenset(key for key, row in dossiers.items() if row.theme_id == pk),
            minimum=minimum,
        )
        for pk, theme in sorted(themes.items())
    ]


def _purses(merit: Merit) -> list[dict[str, Any]]:
    """Each envelope that a ranked dossier asks, where the axis has several: what it holds, and what the rule leaves."""
    if len(merit.purses) < 2:
        return []
    asked = {purse.place: purse for row in merit.ranked if (purse := merit.purse_of(row)) is not None}
    left = merit.selection.left_by_purse
    return [{"purse": purse, "left": left[place]} for place, purse in sorted(asked.items())]


def _scenario(minimum: int, jury: Jury, merit: Merit, dossiers: dict[str, Application]) -> dict[str, Any]:
    """The same ranking with floors, judged by the exact optimum; nothing is decided here."""
    floors = _floors(minimum, dossiers)
    if not floors:
        return {}
    items = items_of(merit.ranked, merit.purses)
    # One not marked yet, or eliminated, cannot be chosen: that is not for want of money.
    markable = frozenset(item.key for item in items)
    left = {place: purse.left for place, purse in merit.purses.items()}
    selection = two_passes(items, left, floors=floors, policy=jury.selection_rule)
    verdict = referee(items, left, floors=floors, selection=selection)
    before, after = set(merit.selection.chosen), set(selection.chosen)
    return {
        "floors": floors,
        "too_few": [(floor, count) for floor in floors if (count := len(floor.members & markable)) < floor.minimum],
        "selection": selection,
        "verdict": verdict,
        "gained": [dossiers[key] for key in selection.chosen if key not in before],
        "lost": [dossiers[key] for key in merit.selection.chosen if key not in after],
        "prices": [
            {
                "price": price,
                "gained": [dossiers[key] for key in price.gained],
                "lost": [dossiers[key] for key in price.lost],
            }
            for price in verdict.prices
        ],
    }


@require_safe
def jury_ranking(request: HttpRequest, pk: Any) -> HttpResponse:
    """The order of merit and the line where the envelope stops."""
    jury = followed_jury(request, pk)
    form = FloorForm(request.GET if request.GET.get("plancher") else None)
    standing = _standing(request, jury)
    merit, dossiers = standing.merit, standing.dossiers
    correction = _correction(request, jury)
    lines = lines_of(standing, correction.corrected if correction else None)
    marked = [line for line in lines if line.row.mean is not None]
    last_in = max((line.row.rank for line in lines if line.is_in), default=0)
    names = {row.pk: str(row.user) for row in jury.jurors.select_related("user")} if correction else {}
    return render(
        request,
        "jury/ranking.html",
        {
            "jury": jury,
            "standing": standing,
            "purses": _purses(merit),
            "lines": marked,
            "unmarked": [line for line in lines if line.row.mean is None],
            "last_in": last_in,
            "all_in": all(line.is_in for line in marked),
            "available": merit.available,
            "left": merit.selection.left,
            "asked": sum((line.row.candidate.amount for line in lines), Decimal(0)),
            "chosen": len(merit.selection.chosen),
            "agenda": sum(line.is_on_agenda for line in marked),
            "tie_rule": tie_rule(criteria_of(jury.grid)),
            "selection_rule": RULES[jury.selection_rule],
            "correction": correction,
            "severities": [
                {"name": names.get(row.juror, ""), "severity": row}
                for row in (correction.severities if correction else ())
            ],
            "may_correct": reads_names(request.user, jury),
            "form": form,
            "scenario": _scenario(form.minimum(), jury, merit, dossiers),
        },
    )


@require_safe
def ranking_export(request: HttpRequest, pk: Any) -> HttpResponseBase:
    """The ranking as a table, without any juror's own mark."""
    jury = followed_jury(request, pk)
    rows = (
        (
            line.row.rank,
            line.row.best,
            line.row.worst,
            line.dossier.number,
            line.dossier.organisation.name,
            line.dossier.title,
            line.row.mean,
            line.row.spread,
            line.row.candidate.amount,
            line.running,
            line.is_in,
        )
        for line in lines_of(_standing(request, jury))
        if line.row.mean is not None
    )
    return csv_response(name=f"classement-{jury.pk}.csv", header=HEADER, rows=rows)

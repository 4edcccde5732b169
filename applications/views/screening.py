"""The service reads: the list, its export, a dossier."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from applications.completeness import missing_items
from applications.enums import ApplicationState
from applications.forms.filing import MessageForm
from applications.forms.screening import ScreeningFilters
from applications.hooks import follow_up_of
from applications.models import Acknowledgement, Application, ApplicationQuerySet, CompletionRequest
from applications.permissions import possible_actions, screening_scope
from applications.presentation import (
    SERVICE,
    answer_of,
    appeal_until,
    exchanges_of,
    sheet_of,
    step_of,
    timeline_of,
    verdict_of,
)
from applications.roles import SCREENER, is_screener
from applications.search import filtered, ordered
from applications.views.access import require_agent, screened_application
from calls.models import Axis, Mandate, Session
from core.exports import csv_response
from territories.enums import OrganisationKind
from territories.models import Territory

PER_PAGE = 25


@dataclass
class Listing:
    """The rows of the list for this person and these filters, and the form that holds the filters."""

    rows: ApplicationQuerySet
    form: ScreeningFilters
    order: str


def listing_of(request: HttpRequest) -> Listing:
    """Read by the page and by the export alike, from what the person may see."""
    scope = screening_scope(Application.objects.all(), request.user)
    form = _filters(request)
    rows = filtered(scope, form.wanted(), timezone.now())
    order = request.GET.get("tri", "")
    return Listing(ordered(rows, order).select_related("organisation", "axis", "session"), form, order)


def _filters(request: HttpRequest) -> ScreeningFilters:
    """Choices come from the calls that the person's mandates cover, not from the rows: their cost is constant."""
    mandates = Mandate.objects.current(timezone.now()).filter(user=request.user)  # type: ignore[misc]
    calls = mandates.values("call")
    axes = list(Axis.objects.filter(call__in=calls).order_by("call", "position").values_list("code", "title"))
    sessions = Session.objects.filter(axis__call__in=calls).select_related("axis").order_by("axis", "opens_at")
    departements = (
        Territory.objects.filter(kind="departement").order_by("code").values_list("code", "name").distinct("code")
    )
    return ScreeningFilters(
        request.GET,
        axes=axes,
        sessions=[(str(row.pk), f"{row.axis.title} – {row.title}") for row in sessions],
        departements=[(code, f"{code} – {name}") for code, name in departements],
    )


@require_safe
def screening_list(request: HttpRequest) -> HttpResponse:
    """Filed dossiers of my axes and territories: filtered, searched, sorted, one page at a time."""
    require_agent(request)
    listing, at = listing_of(request), timezone.now()
    page = Paginator(listing.rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "form": listing.form, **_marks(page.object_list, at)}
    return render(request, "applications/screening_list.html", context)


def _marks(rows: Iterable[Application], at: datetime) -> dict[str, set[Any]]:
    """Which dossiers (ids) are late, were ``answered`` by their applicant and await the service, or have their clock
    ``suspended`` now. One query."""
    states = {row.pk: row.state for row in rows}
    requests = CompletionRequest.objects.filter(application__in=list(states))
    found = list(requests.values_list("application", "answered_at", "due_at"))
    return {
        "overdue": {row.pk for row in rows if row.is_overdue(at)},
        "answered": {key for key, answered_at, _ in found if answered_at and states[key] == ApplicationState.SUBMITTED},
        "suspended": {
            key
            for key, answered_at, due_at in found
            if not answered_at and at < due_at and states[key] == ApplicationState.COMPLETION_REQUESTED
        },
    }


HEADER = (
    "Numéro",
    "Intitulé",
    "Collectivité",
    "Nature",
    "SIRET",
    "Département",
    "Axe",
    "Relève",
    "État",
    "Déposé le",
    "Aide demandée (€)",
    "Rejet implicite le",
)


@require_safe
def screening_export(request: HttpRequest) -> StreamingHttpResponse:
    """The same rows as the list, as a CSV."""
    require_agent(request)
    return csv_response(name="dossiers.csv", header=HEADER, rows=_cells(listing_of(request).rows))


COLUMNS = (
    "number",
    "title",
    "organisation__name",
    "organisation__kind",
    "siret",
    "departement_code",
    "axis__title",
    "session__title",
    "state",
    "submitted_at",
    "amount_requested",
    "decision_due_at",
)


def _cells(rows: ApplicationQuerySet) -> Iterator[list[Any]]:
    kinds, states = dict(OrganisationKind.choices), dict(ApplicationState.choices)
    for row in rows.values_list(*COLUMNS).iterator(chunk_size=2000):
        cells = list(row)
        cells[3], cells[8] = kinds.get(cells[3], cells[3]), states[cells[8]]
        yield cells


@require_safe
def screening_detail(request: HttpRequest, pk: Any) -> HttpResponse:
    """A filed dossier: everything stated, the rules with their figures, the plan, the documents, the history."""
    return render_screening(request, screened_application(request, pk), MessageForm())


def render_screening(request: HttpRequest, application: Application, form: MessageForm) -> HttpResponse:
    """The page of a dossier for the service, with the message being written."""
    at = timezone.now()
    actions = [row for row in possible_actions(request.user, application, at) if SCREENER in row.roles]
    context = {
        "application": application,
        "step": step_of(application, at, SERVICE),
        "follow_up": follow_up_of(application, request.user),
        "actions": {row.name for row in actions},
        "may_write": is_screener(request.user, application, at),
        "missing": missing_items(application, at),
        # What a dossier to screen waits for is asked of who may do it; whoever only reads is not told to act.
        "reads_next_step": bool(actions) or application.state != ApplicationState.SUBMITTED,
        "pending": application.open_completion_request(),
        "answer": answer_of(application),
        "is_deemed_complete": application.is_deemed_complete(at) and application.completed_at is None,
        "appeal_until": appeal_until(application, at),
        "now": at,
        "sheet": sheet_of(application, at, shows_bank=True),
        "verdict": verdict_of(application),
        "events": timeline_of(application, SERVICE),
        "exchanges": exchanges_of(application, SERVICE),
        "acknowledgement": Acknowledgement.objects.filter(application=application).select_related("file").first(),
        "form": form,
    }
    return render(request, "applications/screening_detail.html", context)

"""Requests of affiliation, answered by the agents of the State of the territory."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from calls.enums import MandateRole
from calls.permissions import territory_scope
from core.errors import Refused
from territories.models import Affiliation, AffiliationQuerySet
from territories.people import person
from territories.services import refuse_affiliation, validate_affiliation

ANSWERING_ROLES = (MandateRole.SCREENER, MandateRole.OFFICER, MandateRole.ADMINISTRATOR)
PAGE_SIZE = 25


def answerable_by(user: Any, at: datetime) -> AffiliationQuerySet:
    """The affiliations and requests of the territories where the person may answer; 404 without any such mandate.

    A région has no département: only mandates for all of France reach it.
    """
    scope = territory_scope(user, ANSWERING_ROLES, at)
    if not scope:
        raise Http404
    departements = scope.departements()
    reach = Q() if departements is None else Q(organisation__departement_code__in=sorted(departements))
    return Affiliation.objects.filter(reach).select_related("organisation", "user")


@require_safe
def affiliation_requests(request: HttpRequest) -> HttpResponse:
    """Requests that wait for an answer, the oldest first."""
    pending = answerable_by(request.user, timezone.now()).pending().order_by("requested_at", "id")
    page = Paginator(pending, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "calls/affiliation_requests.html", {"page": page})


@require_POST
def affiliation_validate(request: HttpRequest, affiliation_id: int) -> HttpResponse:
    """Accept a request."""
    now = timezone.now()
    affiliation = get_object_or_404(answerable_by(request.user, now), pk=affiliation_id)
    try:
        validate_affiliation(
            affiliation_id=affiliation.pk, by=person(request), at=now, evidence="visa d’un agent de l’État"
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{affiliation.user} agit désormais pour {affiliation.organisation}.")
    return redirect("affiliation_requests")


@require_POST
def affiliation_refuse(request: HttpRequest, affiliation_id: int) -> HttpResponse:
    """Turn a request down, with a reason."""
    now = timezone.now()
    affiliation = get_object_or_404(answerable_by(request.user, now), pk=affiliation_id)
    try:
        refuse_affiliation(
            affiliation_id=affiliation.pk, by=person(request), reason=request.POST.get("reason", ""), at=now
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "La demande est refusée\u00a0; son auteur en lira le motif.")
    return redirect("affiliation_requests")

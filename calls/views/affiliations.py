"""Requests of affiliation, answered by the agents of the State of the territory, who may also end an affiliation."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from calls.enums import MandateRole
from calls.permissions import territory_scope
from core.errors import Refused
from core.http import posts_only
from territories.models import Affiliation, AffiliationQuerySet
from territories.names import normalise
from territories.people import person
from territories.reasoned import Wording, reasoned_act
from territories.services import end_affiliation, refuse_affiliation, validate_affiliation

ANSWERING_ROLES = (MandateRole.SCREENER, MandateRole.OFFICER, MandateRole.ADMINISTRATOR)
PAGE_SIZE = 25
REFUSAL = Wording(
    title="Refuser la demande",
    lead="La personne n’agira pas pour cette collectivité. Elle pourra faire une autre demande.",
    done="La demande est refusée\u00a0; son auteur en lira le motif.",
)
END = Wording(
    title="Mettre fin au rattachement",
    lead="La personne n’agira plus pour cette collectivité dès sa prochaine page. Elle reçoit le motif par courriel.",
    done="C’est fait\u00a0: ce rattachement est terminé, et la personne en est prévenue.",
)


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


@posts_only
def affiliation_validate(request: HttpRequest, affiliation_id: int) -> HttpResponse:
    """Accept a request."""

    def answerable() -> AffiliationQuerySet:
        return answerable_by(request.user, timezone.now())

    affiliation = get_object_or_404(answerable(), pk=affiliation_id)
    by, at, evidence = person(request), timezone.now(), "visa d’un agent de l’État"
    try:
        validate_affiliation(affiliation_id=affiliation.pk, by=by, at=at, evidence=evidence, among=answerable)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{affiliation.user} agit désormais pour {affiliation.organisation}.")
    return redirect("affiliation_requests")


@require_http_methods(["GET", "HEAD", "POST"])
def affiliation_refuse(request: HttpRequest, affiliation_id: int) -> HttpResponse:
    """Turn a request down, with a reason."""

    def answerable() -> AffiliationQuerySet:
        return answerable_by(request.user, timezone.now())

    affiliation = get_object_or_404(answerable(), pk=affiliation_id)

    def refuse(reason: str) -> None:
        by, at = person(request), timezone.now()
        refuse_affiliation(affiliation_id=affiliation.pk, by=by, reason=reason, at=at, among=answerable)

    return reasoned_act(request, affiliation, wording=REFUSAL, act=refuse, back="affiliation_requests")


@require_safe
def affiliation_list(request: HttpRequest) -> HttpResponse:
    """Who acts for the authorities of the territory, by authority and name; searched by either, or by address."""
    now = timezone.now()
    rows = answerable_by(request.user, now).current(now)
    # PostgreSQL holds no NUL.
    text = request.GET.get("q", "").replace("\x00", "").strip()[:100]
    if text:
        person_named = Q(user__last_name__icontains=text) | Q(user__first_name__icontains=text)
        found = person_named | Q(user__email__icontains=text)
        if name := normalise(text):
            found |= Q(organisation__search_name__contains=name)
        rows = rows.filter(found)
    page = Paginator(rows.order_by("organisation__search_name", "user__last_name", "id"), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    return render(request, "calls/affiliation_list.html", {"page": page, "text": text})


@require_http_methods(["GET", "HEAD", "POST"])
def affiliation_terminate(request: HttpRequest, affiliation_id: int) -> HttpResponse:
    """End the affiliation of somebody who left the authority, or never belonged to it, with a reason."""

    def granted() -> AffiliationQuerySet:
        return answerable_by(request.user, timezone.now()).filter(validated_at__isnull=False)

    affiliation = get_object_or_404(granted(), pk=affiliation_id)

    def end(reason: str) -> None:
        by, at = person(request), timezone.now()
        end_affiliation(affiliation_id=affiliation.pk, by=by, at=at, reason=reason, among=granted)

    return reasoned_act(request, affiliation, wording=END, act=end, back="affiliation_list")

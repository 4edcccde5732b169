"""A person and the authorities they act for."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from core.errors import Refused
from core.http import posts_only
from core.idempotency import idempotent
from territories.enums import AffiliationRole
from territories.forms import AffiliationRequestForm
from territories.lookup import Authority, find_by_references
from territories.models import Affiliation, AffiliationQuerySet, Organisation, Territory, Vintage
from territories.people import person
from territories.reasoned import Wording, reasoned_act
from territories.search import SHOWN, Hit, nothing_found, search_territories
from territories.services import (
    WHAT_FOLLOWS,
    already_asked,
    colleagues_of,
    end_affiliation,
    open_affiliations,
    organisation_for,
    refuse_affiliation,
    request_affiliation,
    requests_to,
    validate_affiliation,
)

_SHOWN = 50
_COLLEAGUES = 25
_REFUSAL = Wording(
    title="Refuser la demande",
    lead="La personne ne préparera pas les dossiers de votre collectivité. Elle pourra faire une autre demande.",
    done="La demande est refusée\u00a0; son auteur en lira le motif.",
)
_REMOVAL = Wording(
    title="Mettre fin au rattachement",
    lead="La personne ne préparera plus les dossiers de votre collectivité. Elle reçoit le motif par courriel.",
    done="C’est fait\u00a0: ce rattachement est terminé, et la personne en est prévenue.",
)


def _latest_year() -> int:
    """The latest vintage loaded: the authorities of today; 0 before any is."""
    return Vintage.objects.order_by("-year").values_list("year", flat=True).first() or 0


def _hits(text: str) -> list[tuple[Hit, str]]:
    address = reverse("affiliation_request")
    return [(hit, f"{address}?qui={hit.reference}") for hit in search_territories(text, _latest_year(), limit=SHOWN)]


@require_safe
def affiliation_home(request: HttpRequest) -> HttpResponse:
    """My affiliations and requests, the search of my authority; for whoever represents one, who asks to join it, who did."""
    now = timezone.now()
    text = request.GET.get("q", "").strip()[:100]
    mine = Affiliation.objects.filter(user=person(request)).select_related("organisation").order_by("-id")[:_SHOWN]
    colleagues = colleagues_of(person(request), now).current(now)
    colleagues = colleagues.order_by("organisation__search_name", "user__last_name", "id")
    hits = _hits(text) if text else []
    context = {
        "affiliations": list(mine),
        "now": now,
        "follows": WHAT_FOLLOWS,
        "text": text,
        "hits": hits,
        "nothing": "" if hits else nothing_found(text),
        "asking": Paginator(requests_to(person(request), now).order_by("requested_at", "id"), _COLLEAGUES).get_page(
            request.GET.get("demandes")
        ),
        "colleagues": Paginator(colleagues, _COLLEAGUES).get_page(request.GET.get("personnes")),
    }
    return render(request, "territories/affiliation_home.html", context)


@require_safe
def affiliation_search(request: HttpRequest) -> HttpResponse:
    """The list under the search field, as one types."""
    text = request.GET.get("q", "").strip()[:100]
    return render(request, "territories/search_options.html", {"hits": _hits(text), "text": text})


def affiliation_request(request: HttpRequest) -> HttpResponse:
    """Ask to act for one authority, in a role."""
    reference = request.POST.get("qui") or request.GET.get("qui", "")
    if not reference:
        return redirect("affiliation_home")
    authority = _authority(reference)
    known = open_affiliations(person(request), authority)
    left = [role for role in AffiliationRole.values if role not in {row.role for row in known}]
    initial = {"qui": request.GET.get("qui", ""), "role": left[0] if len(left) == 1 else ""}
    form = AffiliationRequestForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            _ask(request, form, authority)
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            done = f"Votre demande pour {authority.name} est transmise, et un courriel vous le confirme."
            messages.success(request, f"{done} {WHAT_FOLLOWS}")
            return redirect("affiliation_home")
    context = {
        "form": form,
        "authority": authority,
        "known": [] if form.is_bound else [(row, already_asked(row)) for row in known],
        "other_role": form.is_bound or bool(left),
        "held": any(row.validated_at for row in known),
        "follows": WHAT_FOLLOWS,
    }
    return render(request, "territories/affiliation_request.html", context, status=422 if form.errors else 200)


def _authority(reference: str) -> Authority:
    found, _ = find_by_references([reference], _latest_year())
    if not found:
        raise Http404
    return found[0]


def _ask(request: HttpRequest, form: AffiliationRequestForm, authority: Authority) -> None:
    role = AffiliationRole(form.cleaned_data["role"])
    content = {"qui": form.cleaned_data["qui"], "role": role.value}
    key = form.cleaned_data["idempotency_key"]
    with (
        transaction.atomic(),
        idempotent(key=key, act="affiliation.request", actor=person(request), content=content) as command,
    ):
        if command.is_replay:
            return
        organisation = organisation_for(authority) if isinstance(authority, Territory) else authority
        assert isinstance(organisation, Organisation)
        made = request_affiliation(user=person(request), organisation=organisation, role=role, at=timezone.now())
        command.answer = {"affiliation": made.pk}


@require_http_methods(["GET", "HEAD", "POST"])
def affiliation_end(request: HttpRequest, affiliation_id: int) -> HttpResponse:
    """Withdraw my request, or give up my affiliation, once told what it takes away."""
    mine = Affiliation.objects.filter(user=person(request)).select_related("organisation")
    affiliation = get_object_or_404(mine, pk=affiliation_id)
    if request.method != "POST":
        if affiliation.ends_at is not None:
            return redirect("affiliation_home")
        return render(request, "territories/affiliation_end.html", {"affiliation": affiliation})
    try:
        ended = end_affiliation(affiliation_id=affiliation.pk, by=person(request), at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        done = "ce rattachement est terminé" if ended.validated_at else "votre demande est retirée"
        messages.success(request, f"C’est fait\u00a0: {done}.")
    return redirect("affiliation_home")


@require_http_methods(["GET", "HEAD", "POST"])
def affiliation_remove(request: HttpRequest, affiliation_id: int) -> HttpResponse:
    """As legal representative, end the affiliation of a contributor of my authority, with a reason."""

    def colleagues() -> AffiliationQuerySet:
        return colleagues_of(person(request), timezone.now())

    affiliation = get_object_or_404(colleagues(), pk=affiliation_id)

    def end(reason: str) -> None:
        by, at = person(request), timezone.now()
        end_affiliation(affiliation_id=affiliation.pk, by=by, at=at, reason=reason, among=colleagues)

    return reasoned_act(request, affiliation, wording=_REMOVAL, act=end, back="affiliation_home")


@posts_only
def affiliation_accept(request: HttpRequest, affiliation_id: int) -> HttpResponse:
    """As legal representative, let somebody prepare the dossiers of my authority."""

    def asking() -> AffiliationQuerySet:
        return requests_to(person(request), timezone.now())

    affiliation = get_object_or_404(asking(), pk=affiliation_id)
    by, at, evidence = person(request), timezone.now(), "accord du représentant légal"
    try:
        validate_affiliation(affiliation_id=affiliation.pk, by=by, at=at, evidence=evidence, among=asking)
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{affiliation.user} prépare désormais les dossiers de votre collectivité.")
    return redirect("affiliation_home")


@require_http_methods(["GET", "HEAD", "POST"])
def affiliation_decline(request: HttpRequest, affiliation_id: int) -> HttpResponse:
    """As legal representative, turn down a request to join my authority, with a reason."""

    def asking() -> AffiliationQuerySet:
        return requests_to(person(request), timezone.now())

    affiliation = get_object_or_404(asking(), pk=affiliation_id)

    def refuse(reason: str) -> None:
        by, at = person(request), timezone.now()
        refuse_affiliation(affiliation_id=affiliation.pk, by=by, reason=reason, at=at, among=asking)

    return reasoned_act(request, affiliation, wording=_REFUSAL, act=refuse, back="affiliation_home")

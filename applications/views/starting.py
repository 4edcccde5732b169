"""My dossiers, and starting one."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from applications.enums import ApplicationState
from applications.forms.filing import StartForm
from applications.models import Application
from applications.permissions import applicant_side
from applications.presentation import VERDICT_TONES
from applications.rules import candidate_for
from applications.services import form_grouping, start_application
from calls.eligibility import AxisVerdict, candidate_of, evaluate_axes
from calls.eligibility.wording import figures_in_words
from calls.models import Axis, Call, Session
from calls.services import current_call, open_sessions
from core.errors import Refused
from territories.lookup import Authority, find_by_references, reference_of
from territories.models import Affiliation, Organisation, Territory, Vintage
from territories.services import organisation_for, organisations_of, requests_of

PER_PAGE = 20
MOST_ABANDONED = 20


@require_safe
def application_list(request: HttpRequest) -> HttpResponse:
    """Dossiers of my organisations, the latest first; drafts given up stand apart."""
    at = timezone.now()
    rows = (
        Application.objects.visible_to(request.user)
        .filter(applicant_side(request.user, at))
        .select_related("organisation", "axis", "session")
        .order_by("-created_at", "pk")
    )
    left = Q(state=ApplicationState.WITHDRAWN, submitted_at__isnull=True)
    abandoned = list(rows.filter(left)[: MOST_ABANDONED + 1])
    page = Paginator(rows.exclude(left), PER_PAGE).get_page(request.GET.get("page"))
    organisations = organisations_of(request.user, at)  # type: ignore[arg-type]
    context = {
        "page": page,
        "abandoned": abandoned[:MOST_ABANDONED],
        "abandoned_more": len(abandoned) > MOST_ABANDONED,
        "organisations": organisations,
        "pending": requests_of(request.user),  # type: ignore[arg-type]
    }
    return render(request, "applications/application_list.html", context)


@dataclass
class Choice:
    """For whom one starts a dossier, read from the address."""

    organisations: list[Organisation]
    pending: list[Affiliation] = field(default_factory=list)
    lead: Organisation | None = None
    others: list[Authority] = field(default_factory=list)
    foreign: list[Authority] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def asked(self) -> list[tuple[Authority, str]]:
        """Authorities for which the person does not act yet, each with its reference in addresses."""
        return [(authority, reference_of(authority)) for authority in self.foreign]

    @property
    def references(self) -> list[str]:
        lead = [reference_of(self.lead)] if self.lead else []
        return [*lead, *(reference_of(other) for other in self.others)]


def read_choice(user: User, references: list[str], at: datetime) -> Choice:
    """The first authority named of which the person is a member leads; the others make a grouping with it."""
    choice = Choice(organisations_of(user, at), requests_of(user))
    mine = {reference_of(organisation): organisation for organisation in choice.organisations}
    own = [mine[reference] for reference in dict.fromkeys(references) if reference in mine]
    year = Vintage.objects.order_by("-year").values_list("year", flat=True).first() or 0
    named, choice.unknown = find_by_references([item for item in references if item not in mine], year)
    if own:
        choice.lead, choice.others = own[0], [*own[1:], *named]
    else:
        choice.foreign = named
        if len(choice.organisations) == 1 and not references:
            choice.lead = choice.organisations[0]
    return choice


@require_http_methods(["GET", "HEAD", "POST"])
def application_start(request: HttpRequest) -> HttpResponse:
    """Choose for whom, then the axis and its open session, with the verdict of the rules; then a draft opens."""
    at = timezone.now()
    source = request.POST if request.method == "POST" else request.GET
    choice = read_choice(request.user, source.getlist("qui")[:50], at)  # type: ignore[arg-type]
    form = StartForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid() and choice.lead is not None and not choice.unknown:
        try:
            application = _start(request.user, choice, form.cleaned_data["session"], at)
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, "Votre brouillon est enregistré. Vous pouvez le fermer et revenir plus tard.")
            return redirect("application_section", application.pk, "collectivite")
    call = current_call(at, source.get("appel", ""))
    context = {"form": form, "choice": choice, "call": call, "axes": [], "wanted": request.GET.get("axe", "")}
    if choice.lead is not None and call is not None:
        try:
            context["axes"] = _offers(call, choice, at)
        except Refused as refusal:
            context["not_yet"] = refusal.message
    return render(request, "applications/application_start.html", context)


def _start(user: Any, choice: Choice, session_id: int, at: datetime) -> Application:
    assert choice.lead is not None
    session = (
        Session.objects.select_related("axis__call").filter(pk=session_id, axis__call__published_at__lte=at).first()
    )
    if session is None:
        raise Refused("Cette relève n’existe pas.")
    grouping = None
    if choice.others:
        members = [organisation_for(other) if isinstance(other, Territory) else other for other in choice.others]
        grouping = form_grouping(lead=choice.lead, members=members, user=user, at=at)
    return start_application(organisation=choice.lead, session=session, grouping=grouping, user=user, at=at)


def _offers(call: Call, choice: Choice, at: datetime) -> list[dict[str, Any]]:
    """Each axis with its verdict and its open session, in a constant number of queries."""
    assert choice.lead is not None
    axes = list(call.axes.order_by("position"))
    sessions: dict[int, Session] = {}
    for session in open_sessions(call, at):
        sessions.setdefault(session.axis_id, session)
    if choice.others:
        candidate = candidate_of([choice.lead, *choice.others], prior_requests=None)
    else:
        candidate = candidate_for(call=call, organisation=choice.lead, grouping=None)
    verdicts = evaluate_axes(call=call, axes=axes, on=at, candidate=candidate)
    return [_offer(axis, verdict, sessions.get(axis.pk)) for axis, verdict in zip(axes, verdicts, strict=True)]


def _offer(axis: Axis, verdict: AxisVerdict, session: Session | None) -> dict[str, Any]:
    return {
        "axis": axis,
        "session": session,
        "verdict": {
            "axis": verdict.axis,
            "title": verdict.axis_title,
            "label": str(verdict.verdict.label).capitalize(),
            "tone": VERDICT_TONES[verdict.verdict],
            "rules": [(rule, figures_in_words(rule)) for rule in verdict.rules],
            "start_url": "",
        },
        "is_refused": verdict.verdict == "not_eligible",
    }

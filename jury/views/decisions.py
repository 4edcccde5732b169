"""The ministry: prepare a list, correct it, propose it; another person reads and releases it."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from applications.enums import ApplicationState
from applications.models import Application
from applications.permissions import screening_scope
from calls.enums import MandateRole
from calls.permissions import has_mandate, territory_scope
from core.errors import Refused
from core.exports import csv_response
from core.http import posts_only
from jury import services
from jury.enums import DecisionListState
from jury.forms import (
    CancelForm,
    DecisionForm,
    ListForm,
    ReleaseForm,
    RemoveForm,
    SendBackForm,
    WaitingListForm,
)
from jury.links import batch_url
from jury.models import Decision, DecisionList, Deliberation, Opinion
from jury.permissions import reader_scope, visible_lists, visible_opinions
from jury.queries import (
    Spending,
    by_envelope,
    departures,
    is_superseded,
    last_sent_back,
    payers_of,
    spending_of,
    spent_of,
    total_granted,
)
from jury.services.release import ACT, CHANGED, is_own_work
from jury.views.found import followed_deliberation, person, visible_list
from jury.waiting import awaiting_lists, waiting_lists
from jury.workflow import DECISION_LIST, needs_second_person

HEADER = (
    "Ordre",
    "Numéro",
    "Collectivité",
    "Projet",
    "Décision",
    "Aide demandée (euros)",
    "Aide accordée (euros)",
    "Enveloppe",
    "Motif",
)


@require_safe
def decision_index(request: HttpRequest) -> HttpResponse:
    """The lists of the ministry's axes, and the deliberations that await one."""
    if not reader_scope(request.user):
        raise Http404
    takes_money = Q(state=DecisionListState.RELEASED) | ~Q(decisions__application__state=ApplicationState.WITHDRAWN)
    lists = (
        visible_lists(request.user)
        .select_related("deliberation__jury__session__axis")
        .annotate(count=Count("decisions"), total=Sum("decisions__amount_granted", filter=takes_money))
        .order_by("-created_at", "-pk")
    )
    scope = territory_scope(request.user, [MandateRole.OFFICER], timezone.now())
    awaiting = [
        {"deliberation": row, "may_prepare": scope.covers(axis=row.jury.session.axis)}
        for row in awaiting_lists(request.user)
    ]
    waiting = [row for row in waiting_lists(request.user) if scope.covers(axis=row.jury.session.axis)]
    return render(request, "jury/decision_index.html", {"lists": lists, "awaiting": awaiting, "waiting": waiting})


def _is_officer_of(request: HttpRequest, deliberation: Deliberation) -> bool:
    axis = deliberation.jury.session.axis
    return has_mandate(request.user, [MandateRole.OFFICER], axis=axis, at=timezone.now())


def _officer_deliberation(request: HttpRequest, pk: Any) -> Deliberation:
    deliberation = followed_deliberation(request, pk)
    if not _is_officer_of(request, deliberation):
        raise Http404
    return deliberation


@require_http_methods(["GET", "HEAD", "POST"])
def decision_list_prepare(request: HttpRequest, pk: Any) -> HttpResponse:
    """A list from the opinions of a closed deliberation."""
    deliberation = _officer_deliberation(request, pk)
    form = ListForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            created = services.prepare_list(
                deliberation=deliberation, title=form.cleaned_data["title"], at=timezone.now(), actor=person(request)
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"La liste {created.number} est créée. Relisez chaque décision.")
            return redirect("decision_list_detail", pk=created.pk)
    return render(request, "jury/decision_prepare.html", {"deliberation": deliberation, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def decision_list_waiting(request: HttpRequest, pk: Any) -> HttpResponse:
    """A list that awards dossiers of the waiting list."""
    deliberation = _officer_deliberation(request, pk)
    opinions: list[Opinion] = list(
        visible_opinions(deliberation, request.user)
        .filter(application__state=ApplicationState.WAITLISTED)
        .exclude(is_superseded())
        .select_related("application__organisation")
        .order_by("rank", "pk")
    )
    form = WaitingListForm(request.POST or None, opinions=opinions)
    if request.method == "POST" and form.is_valid():
        try:
            created = services.award_from_waiting_list(
                deliberation=deliberation, at=timezone.now(), actor=person(request), **form.cleaned_data
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            return redirect("decision_list_detail", pk=created.pk)
    context = {
        "deliberation": deliberation,
        "form": form,
        "opinions": opinions,
        "purses": payers_of(deliberation.jury, [row.application for row in opinions]),
    }
    return render(request, "jury/decision_waiting.html", context)


def _rows(decision_list: DecisionList) -> list[Decision]:
    decisions = decision_list.decisions.select_related("application__organisation", "redirected_to")
    return list(decisions.order_by("position", "pk"))


def _list_context(request: HttpRequest, decision_list: DecisionList) -> dict[str, Any]:
    is_released = decision_list.state == DecisionListState.RELEASED
    rows = _rows(decision_list)
    # Until the release, what its applicant has withdrawn takes nothing of any envelope.
    live = [row for row in rows if is_released or row.application.state != ApplicationState.WITHDRAWN]
    spending = _spending(decision_list, live)
    envelopes = by_envelope(spending)
    apart = departures(decision_list, rows)
    actions = {row.name for row in DECISION_LIST.available(request.user, decision_list, timezone.now())}
    may_release = "release" in actions and not is_own_work(decision_list, rows, person(request))
    return {
        "list": decision_list,
        "rows": [{"decision": row, "payer": spending.get(row.pk), "opinion": apart.get(row.pk)} for row in rows],
        "readable": _readable(request, rows),
        "withdrawn": [row.application.number for row in rows if row not in live],
        "past": [] if is_released else _past(live),
        "total": total_granted(live),
        "awards": sum(row.amount_granted is not None for row in live),
        "envelopes": envelopes,
        "shortfalls": [row for row in envelopes if row.missing and not row.is_taken],
        "actions": actions if may_release else actions - {"release"},
        "next_step": DECISION_LIST.next_step(decision_list.state, "releaser" if may_release else "service"),
        "two_persons": needs_second_person(decision_list, rows),
        "sent_back": last_sent_back(decision_list, request.user),
    }


def _past(rows: list[Decision]) -> list[str]:
    """Numbers of the awarded dossiers whose planned end, in Paris, is over already."""
    today = timezone.localdate()
    awarded = [row.application for row in rows if row.amount_granted is not None]
    return [row.number or "" for row in awarded if row.ends_on is not None and row.ends_on < today]


def _readable(request: HttpRequest, rows: list[Decision]) -> set[Any]:
    """The dossiers of these decisions that the person may open, where agents read them."""
    scope = screening_scope(Application.objects.all(), request.user)
    return set(scope.filter(pk__in=[row.application_id for row in rows]).values_list("pk", flat=True))


def _spending(decision_list: DecisionList, rows: list[Decision]) -> dict[int, Spending]:
    """Which envelope pays each award: as planned, or as done once released; nothing of a list given up."""
    if decision_list.state == DecisionListState.RELEASED:
        return spent_of(rows)
    if decision_list.state == DecisionListState.CANCELLED:
        return {}
    return spending_of(decision_list.deliberation.jury, rows)


@require_safe
def decision_list_detail(request: HttpRequest, pk: Any) -> HttpResponse:
    """The list as it stands."""
    decision_list = visible_list(request, pk)
    context = {**_list_context(request, decision_list), "batch_url": batch_url(decision_list)}
    return render(request, "jury/decision_list.html", context)


def _acting_list(request: HttpRequest, pk: Any, name: str) -> DecisionList:
    """A list on which the person holds the role of this act; else 404."""
    decision_list = visible_list(request, pk)
    if not DECISION_LIST.holds(request.user, decision_list, name, timezone.now()):
        raise Http404
    return decision_list


@require_http_methods(["GET", "HEAD", "POST"])
def decision_edit(request: HttpRequest, pk: Any, decision: int) -> HttpResponse:
    """Correct one decision while the list is in preparation."""
    decision_list = _acting_list(request, pk, "mark_prepared")
    row = get_object_or_404(
        Decision.objects.select_related(
            "application__organisation", "decision_list__deliberation__jury__session__axis"
        ),
        pk=decision,
        decision_list=decision_list,
    )
    form = DecisionForm(request.POST or None, decision=row)
    if request.method == "POST" and form.is_valid():
        try:
            services.edit_decision(decision=row, at=timezone.now(), actor=person(request), **form.cleaned_data)
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"La décision sur le dossier {row.application.number} est modifiée.")
            return redirect("decision_list_detail", pk=pk)
    opinion = row.application.opinions.filter(deliberation=decision_list.deliberation).first()
    context = {"list": decision_list, "decision": row, "dossier": row.application, "form": form, "opinion": opinion}
    return render(request, "jury/decision_edit.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def decision_remove(request: HttpRequest, pk: Any, decision: int) -> HttpResponse:
    """Take a dossier out of the list while it is in preparation, with a reason."""
    decision_list = _acting_list(request, pk, "mark_prepared")
    row = get_object_or_404(
        Decision.objects.select_related("application__organisation"), pk=decision, decision_list=decision_list
    )
    form = RemoveForm(request.POST or None, initial={"version": decision_list.version})
    if request.method == "POST" and form.is_valid():
        try:
            services.remove_decision(decision=row, at=timezone.now(), actor=person(request), **form.cleaned_data)
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"Le dossier {row.application.number} est sorti de la liste.")
            return redirect("decision_list_detail", pk=pk)
    context = {"list": decision_list, "dossier": row.application, "form": form}
    return render(request, "jury/decision_remove.html", context)


@posts_only
def decision_list_propose(request: HttpRequest, pk: Any) -> HttpResponse:
    """Propose the list, as read, to the second person."""
    decision_list = _acting_list(request, pk, "mark_prepared")
    version = request.POST.get("version", "")
    try:
        services.mark_prepared(
            decision_list=decision_list,
            version=int(version) if version.isascii() and version.isdigit() else 0,
            at=timezone.now(),
            actor=person(request),
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "La liste est proposée à la libération.")
    return redirect("decision_list_detail", pk=pk)


@posts_only
def decision_list_reopen(request: HttpRequest, pk: Any) -> HttpResponse:
    """Take the list back."""
    decision_list = _acting_list(request, pk, "reopen")
    try:
        services.reopen_list(decision_list=decision_list, at=timezone.now(), actor=person(request))
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "La liste est de nouveau en préparation.")
    return redirect("decision_list_detail", pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
def decision_list_send_back(request: HttpRequest, pk: Any) -> HttpResponse:
    """Give the list back to whoever prepared it, with what is to be seen again."""
    decision_list = _acting_list(request, pk, "send_back")
    if request.method != "POST" and decision_list.state != DecisionListState.PREPARED:
        return redirect("decision_list_detail", pk=pk)
    form = SendBackForm(request.POST or None, initial={"version": decision_list.version})
    if request.method == "POST" and form.is_valid():
        try:
            services.send_back_list(
                decision_list=decision_list, at=timezone.now(), actor=person(request), **form.cleaned_data
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "La liste est renvoyée à la préparation, avec votre motif.")
            return redirect("decision_list_detail", pk=pk)
    return render(request, "jury/decision_send_back.html", {"list": decision_list, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def decision_list_cancel(request: HttpRequest, pk: Any) -> HttpResponse:
    """Give the list up, with a reason."""
    decision_list = _acting_list(request, pk, "cancel")
    form = CancelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.cancel_list(
                decision_list=decision_list,
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
                actor=person(request),
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "La liste est annulée : ses dossiers peuvent entrer dans une autre.")
            return redirect("decision_list_detail", pk=pk)
    return render(request, "jury/decision_cancel.html", {"list": decision_list, "form": form})


def _grew_old(request: HttpRequest, decision_list: DecisionList, digest: str) -> bool:
    """Whether what the person read is no longer there to be released; asked before their code is looked at."""
    if decision_list.state == DecisionListState.RELEASED:  # sent twice
        return False
    return decision_list.state != DecisionListState.PREPARED or request.POST.get("shown", "") != digest


@require_http_methods(["GET", "HEAD", "POST"])
def decision_list_release(request: HttpRequest, pk: Any) -> HttpResponse:
    """Read everything, then release with a fresh second factor."""
    decision_list = _acting_list(request, pk, "release")
    digest = services.list_digest(decision_list)
    if request.method == "POST" and _grew_old(request, decision_list, digest):
        messages.error(request, CHANGED)
        return redirect("decision_list_release", pk=pk)
    if decision_list.state != DecisionListState.PREPARED:
        return redirect("decision_list_detail", pk=pk)
    obstacle = services.release_obstacle(decision_list=decision_list, at=timezone.now())
    if request.method == "POST" and obstacle:
        # Before the code is spent; the page says it.
        return redirect("decision_list_release", pk=pk)
    form = ReleaseForm(
        request.POST or None, user=person(request), act=ACT, content_sha256=digest, initial={"shown": digest}
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.release_list(
                decision_list=decision_list,
                user=person(request),
                at=timezone.now(),
                key=form.cleaned_data["idempotency_key"],
                confirmation=form.confirmation,
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            return redirect("decision_list_released", pk=pk)
    context = _list_context(request, decision_list)
    return render(
        request, "jury/decision_release.html", {**context, "form": form, "digest": digest, "obstacle": obstacle}
    )


@require_safe
def decision_list_released(request: HttpRequest, pk: Any) -> HttpResponse:
    """What the release did."""
    decision_list = visible_list(request, pk)
    if decision_list.state != DecisionListState.RELEASED:
        raise Http404
    context = {**_list_context(request, decision_list), "batch_url": batch_url(decision_list)}
    return render(request, "jury/decision_released.html", context)


@require_safe
def decision_list_export(request: HttpRequest, pk: Any) -> HttpResponseBase:
    """The list as a table: no mark, no juror."""
    decision_list = visible_list(request, pk)
    decisions = _rows(decision_list)
    payer = {decision: spent.name for decision, spent in _spending(decision_list, decisions).items()}
    rows = (
        (
            row.position,
            row.application.number,
            row.application.organisation.name,
            row.application.title,
            row.get_outcome_display(),
            row.application.amount_requested,
            row.amount_granted,
            payer.get(row.pk, ""),
            row.motive,
        )
        for row in decisions
    )
    return csv_response(name=f"{decision_list.number or decision_list.pk}.csv", header=HEADER, rows=rows)

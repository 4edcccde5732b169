"""The chair and the secretariat: progress of the reading, recusals, proposals of assignment."""

from collections import Counter, defaultdict
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from applications.enums import ApplicationState
from core.errors import Refused
from core.http import posts_only
from jury import services
from jury.assignment import Seat, explain, problem_of
from jury.enums import DeliberationState, EvaluationState
from jury.forms import ChangeSeatForm, SeatForm
from jury.models import AssignmentRun, Evaluation, Jury, Opinion, Recusal
from jury.permissions import (
    dossiers_of,
    follows_juries,
    readable_evaluations,
    sessions_without_jury,
    visible_juries,
)
from jury.queries import ACTIVE, gaps_of
from jury.views.found import followed_jury, jury_dossier, managed_jury, managed_run, manages, person
from jury.waiting import chair_work, proposals

PAGE = 50


@require_safe
def jury_index(request: HttpRequest) -> HttpResponse:
    """The juries that the person presides or follows."""
    if not follows_juries(request.user):
        raise Http404
    waiting = sessions_without_jury(request.user, timezone.now()).select_related("axis")
    juries = visible_juries(request.user).select_related("session__axis").annotate(members=Count("jurors"))
    work = chair_work(request.user)
    rows = [{"jury": jury, "work": work.get(jury.pk)} for jury in juries.order_by("-created_at", "pk")]
    return render(
        request,
        "jury/index.html",
        {
            "rows": rows,
            "presides": bool(work),
            "waiting": waiting.order_by("axis__position", "opens_at", "pk"),
        },
    )


@require_safe
def jury_detail(request: HttpRequest, pk: Any) -> HttpResponse:
    """Who has read what; never a mark."""
    jury = followed_jury(request, pk)
    dossiers = list(dossiers_of(jury, request.user).select_related("organisation", "theme").order_by("number", "pk"))
    readable = readable_evaluations(request.user, jury)
    gaps = gaps_of(jury, [row.pk for row in dossiers], readable)
    recusals = (
        Recusal.objects.filter(juror__jury=jury, application__in=[row.pk for row in dossiers])
        .select_related("juror__user", "application", "declared_by")
        .order_by("-declared_at", "pk")
    )
    spoken = Opinion.objects.filter(deliberation__jury=jury, deliberation__state=DeliberationState.CLOSED)
    heard = set(spoken.values_list("application_id", flat=True))
    to_examine = {row.pk for row in dossiers if row.state == ApplicationState.ADMISSIBLE and row.pk not in heard}
    # A dossier on which the jury has spoken lacks nobody any more.
    missing = {pk: gaps[pk].missing for pk in to_examine if gaps[pk].missing}
    deliberations = list(jury.deliberations.order_by("-number"))
    # A meeting that is open may take up again what an earlier one said.
    is_meeting = any(row.state == DeliberationState.OPEN for row in deliberations)
    rows = [
        {
            "dossier": row,
            "gap": gaps[row.pk],
            "missing": missing.get(row.pk, 0),
            "may_recuse": row.pk in to_examine or (is_meeting and row.state == ApplicationState.ADMISSIBLE),
        }
        for row in dossiers
    ]
    only_gaps = request.GET.get("voir") == "manques"
    return render(
        request,
        "jury/detail.html",
        {
            "jury": jury,
            "subtitle": jury.subtitle(),
            "rows": [row for row in rows if row["missing"]] if only_gaps else rows,
            "only_gaps": only_gaps,
            "missing": sum(missing.values()),
            "submitted": sum(gap.submitted for gap in gaps.values()),
            "seats": sum(gap.active for gap in gaps.values()),
            "dossier_count": len(rows),
            "to_examine": len(to_examine),
            "members": _members(jury, [row.pk for row in dossiers]),
            "recusals": recusals,
            "deliberations": deliberations,
            "run": proposals([jury.pk]).get(jury.pk),
            "manages": manages(request, jury),
        },
    )


def _members(jury: Jury, visible: list[Any]) -> Any:
    """Members with their load and how much they handed in, on the dossiers the reader may see."""
    seen = Q(evaluations__application__in=visible)
    return (
        jury.jurors.select_related("user")
        .annotate(
            seats=Count("evaluations", filter=seen & Q(evaluations__state__in=ACTIVE)),
            done=Count("evaluations", filter=seen & Q(evaluations__state=EvaluationState.SUBMITTED)),
        )
        .order_by("-is_chair", "user__last_name", "pk")
    )


@posts_only
def assignment_propose(request: HttpRequest, pk: Any) -> HttpResponse:
    """Compute a proposal; seats that would move cost a price when some exist."""
    jury = managed_jury(request, pk)
    seated = Evaluation.objects.filter(juror__jury=jury, state__in=ACTIVE).exists()
    try:
        run = services.propose_assignment(jury=jury, at=timezone.now(), actor=person(request), least_change=seated)
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("jury_detail", pk=pk)
    return redirect("assignment_run", pk=run.pk)


@require_safe
def assignment_run(request: HttpRequest, pk: Any) -> HttpResponse:
    """The proposal, dossier by dossier: who, why, and why not another."""
    run = managed_run(request, pk)
    return render(request, "jury/assignment.html", _run_context(request, run))


def _run_context(request: HttpRequest, run: AssignmentRun) -> dict[str, Any]:
    jury = Jury.objects.select_related("session__axis", "grid").get(pk=run.jury_id)
    dossiers = {
        str(row.pk): row
        for row in dossiers_of(jury, request.user).select_related("organisation", "theme").order_by("number", "pk")
    }
    jurors = {row.pk: row for row in jury.jurors.select_related("user")}
    # Seats of a dossier out of sight are neither shown nor counted; the warnings speak of the whole.
    seats = [Seat(**seat) for seat in run.replay["seats"] if seat["dossier"] in dossiers]
    reasons = explain(problem_of(run.replay), seats)
    wanted = {spec["id"]: spec["seats"] for spec in run.replay["inputs"]["dossiers"]}
    is_whole = wanted.keys() <= dossiers.keys()
    panels: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for seat in seats:
        panels[seat.dossier].append(
            {"juror": jurors[seat.juror], "why": reasons[seat.dossier, seat.juror].why, "stage": seat.stage}
        )
    loads = Counter(seat.juror for seat in seats)
    rows = [
        {
            "dossier": dossier,
            "panel": panels.get(key, []),
            # Of the seats shown: some were added or removed by hand since the computation.
            "missing": max(0, wanted[key] - len(panels.get(key, []))),
            "others": next((reasons[s.dossier, s.juror].others for s in seats if s.dossier == key), ()),
        }
        for key, dossier in dossiers.items()
        if key in wanted
    ]
    members = [{"juror": row, "load": loads[row.pk]} for row in jurors.values()]
    return {
        "run": run,
        "jury": jury,
        "rows": rows,
        "members": sorted(members, key=lambda row: (-row["load"], row["juror"].pk)),
        "warnings": run.replay["warnings"] if is_whole else [],
        "without_expert": [dossiers[key] for key in run.replay["without_expert"] if key in dossiers],
        "seat_count": len(seats),
    }


@require_http_methods(["GET", "HEAD", "POST"])
def assignment_change(request: HttpRequest, pk: Any, dossier: Any) -> HttpResponse:
    """Replace, add or remove one reader of the proposal, with a reason."""
    run = managed_run(request, pk)
    jury = managed_jury(request, run.jury_id)
    application = jury_dossier(request, jury, dossier)
    seated = {seat["juror"] for seat in run.replay["seats"] if seat["dossier"] == str(application.pk)}
    panel = [(row.pk, str(row.user)) for row in jury.jurors.select_related("user") if row.pk in seated]
    form = ChangeSeatForm(request.POST or None, jury=jury, panel=panel, initial={"sha256": run.sha256})
    if request.method == "POST" and form.is_valid():
        old, new = form.seats()
        try:
            services.change_seat(
                run=run,
                application=application,
                old=old,
                new=new,
                reason=form.cleaned_data["reason"],
                sha256=form.cleaned_data["sha256"],
                at=timezone.now(),
                actor=person(request),
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "La proposition est modifiée. Relisez-la, puis confirmez-la.")
            return redirect("assignment_run", pk=pk)
    return render(
        request, "jury/assignment_change.html", {"run": run, "jury": jury, "dossier": application, "form": form}
    )


@posts_only
def assignment_confirm(request: HttpRequest, pk: Any) -> HttpResponse:
    """Seat the jurors as read."""
    run = managed_run(request, pk)
    try:
        services.confirm_assignment(
            run=run, sha256=request.POST.get("sha256", ""), at=timezone.now(), actor=person(request)
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("assignment_run", pk=pk)
    messages.success(request, "Les jurés sont affectés : leurs dossiers les attendent sur leur bureau.")
    return redirect("jury_detail", pk=run.jury_id)


@require_safe
def assignment_replay(request: HttpRequest, pk: Any) -> HttpResponse:
    """The replay file: inputs, versions, seats. Only for whoever may see every dossier of it."""
    run = managed_run(request, pk)
    jury = managed_jury(request, run.jury_id)
    wanted = {row["id"] for row in run.replay["inputs"]["dossiers"]}
    seen = {str(key) for key in dossiers_of(jury, request.user).filter(pk__in=wanted).values_list("pk", flat=True)}
    if wanted - seen:
        raise Http404
    response = JsonResponse({"sha256": run.sha256, "replay": run.replay}, json_dumps_params={"ensure_ascii": False})
    response["Content-Disposition"] = f'attachment; filename="affectation-{run.pk}.json"'
    response["Cache-Control"] = "private, no-store"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def seat_add(request: HttpRequest, pk: Any, dossier: Any) -> HttpResponse:
    """One more reader on a dossier: after a recusal, or where two differ."""
    jury = managed_jury(request, pk)
    application = jury_dossier(request, jury, dossier)
    possible = services.possible_readers(jury=jury, application=application, at=timezone.now())
    seated = (
        Evaluation.objects.filter(juror__jury=jury, application=application, state__in=ACTIVE)
        .select_related("juror__user")
        .order_by("juror_id")
    )
    form = SeatForm(request.POST or None, jury=jury, possible=possible, readers=[row.juror_id for row in seated])
    if request.method == "POST" and form.is_valid():
        try:
            services.seat_juror(
                jury=jury,
                application=application,
                juror=form.new_juror(),
                at=timezone.now(),
                actor=person(request),
                readers_shown=form.readers_shown(),
            )
        except Refused as refusal:
            if refusal.field == "readers":
                messages.error(request, refusal.message)
                return redirect("seat_add", pk=pk, dossier=dossier)
            form.refuse(refusal)
        else:
            messages.success(request, f"Un juré de plus lit le dossier {application.number}.")
            return redirect("jury_detail", pk=pk)
    context = {"jury": jury, "dossier": application, "form": form, "seated": seated, "possible": possible}
    return render(request, "jury/seat_add.html", context)

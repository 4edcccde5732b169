"""The meeting: summons, attendance, opinions, block, closing, minutes."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accounts.confirmations import content_digest
from applications.enums import ApplicationState
from applications.models import Application
from core import files
from core.errors import Refused
from core.money import euros
from jury import services
from jury.enums import DeliberationState, Outcome
from jury.forms import AttendanceForm, BlockForm, OpinionForm, SummonForm
from jury.meeting import Presence, quorum
from jury.minutes import attendance_of
from jury.models import Deliberation, Opinion
from jury.permissions import (
    dossiers_of,
    hides_dossiers,
    may_read_minutes,
    readable_evaluations,
    reads_every_mark,
    reads_ranks,
    visible_opinions,
)
from jury.queries import Merit, latest_opinions, merit_of, voiced
from jury.ranking import Ranked
from jury.services.deliberation import quorums, without_opinion
from jury.views.found import (
    chaired_deliberation,
    followed_deliberation,
    jury_dossier,
    managed_deliberation,
    managed_jury,
    manages,
    person,
)
from jury.workflow import guard_held, is_chair

NOTHING_CONFIRMED = (
    "Aucun avis n’est confirmé\u00a0: le quorum manque sur chacun de ces dossiers. Enregistrez d’abord les présences."
)


@require_http_methods(["GET", "HEAD", "POST"])
def deliberation_summon(request: HttpRequest, pk: Any) -> HttpResponse:
    """Call the members."""
    jury = managed_jury(request, pk)
    form = SummonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            deliberation = services.summon(
                jury=jury,
                held_at=form.cleaned_data["held_at"],
                place=form.cleaned_data["place"],
                at=timezone.now(),
                actor=person(request),
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "La convocation part par courriel à chaque membre.")
            return redirect("deliberation_detail", pk=deliberation.pk)
    return render(request, "jury/summon.html", {"jury": jury, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def deliberation_postpone(request: HttpRequest, pk: Any) -> HttpResponse:
    """Another date or place for a meeting not yet held."""
    deliberation = managed_deliberation(request, pk)
    known = {"held_at": deliberation.held_at, "place": deliberation.place}
    form = SummonForm(request.POST or None, initial=known)
    if request.method == "POST" and form.is_valid():
        try:
            services.postpone(deliberation=deliberation, at=timezone.now(), actor=person(request), **form.cleaned_data)
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "La séance est déplacée. Chaque membre en est prévenu par courriel.")
            return redirect("deliberation_detail", pk=pk)
    context = {"jury": deliberation.jury, "deliberation": deliberation, "form": form}
    return render(request, "jury/summon.html", context)


def _waiting(request: HttpRequest, deliberation: Deliberation) -> list[Application]:
    """Dossiers that the reader sees and that have no opinion in this meeting yet."""
    return list(without_opinion(deliberation, person(request)).select_related("organisation"))


def _merit(request: HttpRequest, deliberation: Deliberation) -> Merit:
    """The order of merit on what the reader may read: as the services do, of the dossiers that await a decision. Those
    already awarded are out of it, their money being out of the envelope."""
    jury = deliberation.jury
    rows = dossiers_of(jury, request.user).filter(state=ApplicationState.ADMISSIBLE)
    return merit_of(jury, rows, readable_evaluations(request.user, jury))


def _lines(request: HttpRequest, deliberation: Deliberation) -> list[dict[str, Any]]:
    """The same dossiers in the order of merit that the reader reads, with what was said of them before."""
    waiting = _waiting(request, deliberation)
    if not waiting:
        return []
    merit = _merit(request, deliberation)
    # Of the dossiers that the reader sees: an award on another one tells them nothing.
    agenda = merit.to_discuss(voiced(deliberation, [row.key for row in merit.ranked]))
    ranked = {row.key: row for row in merit.ranked}
    said = latest_opinions([row.pk for row in waiting])
    lines = [
        {"dossier": row, "row": ranked[str(row.pk)], "agenda": str(row.pk) in agenda, "before": said.get(row.pk)}
        for row in waiting
        if str(row.pk) in ranked  # withdrawn since the first look
    ]
    return sorted(lines, key=lambda line: line["row"].rank)


@require_safe
def deliberation_detail(request: HttpRequest, pk: Any) -> HttpResponse:
    """The record of the meeting as it stands."""
    deliberation = followed_deliberation(request, pk)
    is_open = deliberation.state == DeliberationState.OPEN
    is_to_come = is_open and timezone.now() < deliberation.held_at
    manager = manages(request, deliberation.jury)
    shows_ranks = reads_ranks(request.user, deliberation.jury)
    opinions = (
        visible_opinions(deliberation, request.user)
        .select_related("application__organisation", "redirected_to")
        .order_by(*(("rank", "merit_rank") if shows_ranks else ("application__number",)), "pk")
    )
    lines = _lines(request, deliberation) if is_open and manager and not is_to_come else []
    presences = [Presence(row.juror_id, row.attendance, row.proxy_id) for row in deliberation.attendance.all()]
    members = list(deliberation.jury.jurors.values_list("pk", flat=True))
    return render(
        request,
        "jury/deliberation.html",
        {
            "deliberation": deliberation,
            "jury": deliberation.jury,
            "opinions": opinions,
            "lines": lines,
            "attendance": attendance_of(deliberation),
            "quorum": quorum(members, presences, deliberation.jury.grid.quorum_share),
            "manages": manager,
            "is_open": is_open,
            "is_to_come": is_to_come,
            "shows_ranks": shows_ranks,
            "may_block": bool(lines) and reads_every_mark(request.user, deliberation.jury),
            "may_close": is_open and is_chair(request.user, deliberation.jury, timezone.now()),
            # Not whether opinions exist: some may be on a dossier that the chair recused from.
            "close_obstacle": guard_held(deliberation, timezone.now()),
            "minutes": may_read_minutes(request.user, deliberation) and deliberation.minutes_file,
            "may_read_minutes": may_read_minutes(request.user, deliberation),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def deliberation_attendance(request: HttpRequest, pk: Any) -> HttpResponse:
    """Who is there, who votes for whom."""
    deliberation = managed_deliberation(request, pk)
    form = AttendanceForm(request.POST or None, deliberation=deliberation)
    if request.method == "POST" and form.is_valid():
        try:
            services.record_attendance(
                deliberation=deliberation, rows=form.rows(), at=timezone.now(), actor=person(request)
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "Les présences sont enregistrées.")
            return redirect("deliberation_detail", pk=pk)
    return render(request, "jury/attendance.html", {"deliberation": deliberation, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def deliberation_opinion(request: HttpRequest, pk: Any, dossier: Any) -> HttpResponse:
    """The jury's opinion on one dossier."""
    deliberation = managed_deliberation(request, pk)
    jury = deliberation.jury
    application = jury_dossier(request, jury, dossier)
    known = deliberation.opinions.filter(application=application).first()
    before = latest_opinions([application.pk]).get(application.pk)
    form = OpinionForm(
        request.POST or None,
        is_reopened=before is not None,
        deliberation=deliberation,
        application=application,
        known=known,
        reads_every_mark=reads_every_mark(request.user, jury),
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.record_opinion(
                deliberation=deliberation,
                application=application,
                opinion=form.opinion(),
                at=timezone.now(),
                actor=person(request),
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"L’avis sur le dossier {application.number} est enregistré.")
            return redirect("deliberation_detail", pk=pk)
    merit = _merit(request, deliberation)
    row = merit.position(str(application.pk))
    context = {"deliberation": deliberation, "dossier": application, "form": form} | {
        "before": before if before and before.deliberation_id != deliberation.pk else None,
        "row": row,
        "is_in": str(application.pk) in merit.selection.chosen,
        # Named where the axis has several envelopes: the one that pays this dossier decides.
        "purse": merit.purse_of(row) if row and len(merit.purses) > 1 else None,
        "quorum": quorums(deliberation, [application.pk])[application.pk],
    }
    return render(request, "jury/opinion.html", context)


@dataclass(frozen=True)
class FirmLine:
    """A dossier that no single mark can move; ``is_in`` when it stands above the line."""

    dossier: Application
    row: Ranked
    is_in: bool


def _firm(request: HttpRequest, deliberation: Deliberation) -> list[FirmLine]:
    """What the block would confirm, on what the reader may read, in order of merit."""
    waiting = _waiting(request, deliberation)
    said = latest_opinions([row.pk for row in waiting])
    waiting = [row for row in waiting if row.pk not in said]
    merit = _merit(request, deliberation)
    agenda = merit.to_discuss(voiced(deliberation, [row.key for row in merit.ranked]))
    chosen = set(merit.selection.chosen)
    ranks = {row.key: row for row in merit.ranked}
    firm = [row for row in waiting if str(row.pk) in ranks.keys() - agenda]
    lines = [FirmLine(row, ranks[str(row.pk)], str(row.pk) in chosen) for row in firm]
    return sorted(lines, key=lambda line: line.row.rank)


@require_http_methods(["GET", "HEAD", "POST"])
def deliberation_block(request: HttpRequest, pk: Any) -> HttpResponse:
    """Confirm at once what no single mark can change."""
    deliberation = chaired_deliberation(request, pk)
    reads_all = reads_every_mark(request.user, deliberation.jury)
    lines = _firm(request, deliberation) if reads_all else []
    shown = {str(line.dossier.pk): line.is_in for line in lines}
    asked = {str(line.dossier.pk): line.dossier.amount_requested for line in lines}
    form = BlockForm(
        request.POST or None,
        dossiers=[line.dossier for line in lines],
        has_below=not all(shown.values()),
        has_waiting_list=deliberation.jury.session.axis.call.has_waiting_list,
        sha256=content_digest({key: [shown[key], str(amount)] for key, amount in asked.items()}),
    )
    if request.method == "POST" and form.is_valid():
        try:
            written = services.confirm_block(
                deliberation=deliberation,
                at=timezone.now(),
                actor=person(request),
                **{**form.cleaned_data, "shown": shown},
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            if written:
                told = "1 avis confirmé en bloc." if len(written) == 1 else f"{len(written)} avis confirmés en bloc."
                messages.success(request, told)
            else:
                messages.warning(request, NOTHING_CONFIRMED)
            return redirect("deliberation_detail", pk=pk)
    context = {"deliberation": deliberation, "form": form, "lines": lines, "reads_all": reads_all}
    return render(request, "jury/block.html", context)


def _said_by_outcome(opinions: list[Opinion]) -> list[dict[str, str]]:
    """How many opinions of each kind, and the euros that the awards propose."""
    rows = []
    for value, label in Outcome.choices:
        found = [opinion for opinion in opinions if opinion.outcome == value]
        if not found:
            continue
        told = f"{len(found)} dossier{'s' if len(found) > 1 else ''}"
        if value == Outcome.AWARDED:
            told += f", {euros(sum((row.amount_proposed or Decimal(0) for row in found), Decimal(0)))} proposés"
        rows.append({"term": label.capitalize(), "description": told})
    return rows


@require_http_methods(["GET", "HEAD", "POST"])
def deliberation_close(request: HttpRequest, pk: Any) -> HttpResponse:
    """Close for good, what was read."""
    deliberation, at = chaired_deliberation(request, pk), timezone.now()
    if deliberation.state != DeliberationState.OPEN or guard_held(deliberation, at):
        # Not whether opinions exist: some may be on a dossier that the chair recused from.
        messages.info(request, guard_held(deliberation, at) or "La délibération est déjà close.")
        return redirect("deliberation_detail", pk=pk)
    if request.method == "POST":
        try:
            closed = services.close_deliberation(
                deliberation=deliberation, at=at, actor=person(request), shown=request.POST.get("shown", "")
            )
        except Refused as refusal:
            messages.error(request, refusal.message)
            return redirect("deliberation_close" if refusal.field == "shown" else "deliberation_detail", pk=pk)
        messages.success(
            request, f"La délibération est close. Le procès-verbal {closed.minutes_number} est en cours d’édition."
        )
        return redirect("deliberation_detail", pk=pk)
    opinions = list(
        visible_opinions(deliberation, request.user)
        .select_related("application__organisation", "redirected_to")
        .order_by("application__number", "pk")
    )
    context = {
        "deliberation": deliberation,
        "sha256": services.closing_digest(deliberation, person(request)),
        "attendance": attendance_of(deliberation),
        "rows": _said_by_outcome(opinions),
        "opinions": opinions,
        "hides": hides_dossiers(request.user, deliberation.jury),
        "waiting": _waiting(request, deliberation),
    }
    return render(request, "jury/close.html", context)


@require_safe
def deliberation_minutes(request: HttpRequest, pk: Any) -> HttpResponse:
    """The minutes, for whoever may see every dossier in them."""
    deliberation = followed_deliberation(request, pk)
    if deliberation.minutes_file is None or not may_read_minutes(request.user, deliberation):
        raise Http404
    return files.download(deliberation.minutes_file)

"""Reading conventions: the list, one of them, its document."""

import logging
from datetime import date
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from applications.models import Application
from applications.search import matching
from conventions.act_dates import dates_explained
from conventions.enums import RevisionKind, SigningState
from conventions.forms import ConventionFilters
from conventions.models import Convention, Signing
from conventions.permissions import agent_scope, awaiting_signature, is_signatory, reads_conventions
from conventions.presentation import (
    APPLICANT,
    SERVICE,
    SIGNING_ACTS,
    next_step_of,
    revisions_of,
    step_of,
    summary_of,
    timeline_of,
    verification_of,
)
from conventions.roles import is_beneficiary, is_officer
from conventions.services.reports import final_report_due_on, may_report
from conventions.views.access import audience_of, visible_convention
from conventions.waiting import WORKS, to_sign, works_of
from conventions.workflow import CONVENTION
from core import files, uploads
from core.exports import WRITERS, table_response
from territories.people import person

logger = logging.getLogger("guichet.conventions")

PER_PAGE = 25
HEADER = (
    "Numéro",
    "Dossier",
    "Bénéficiaire",
    "Département",
    "Projet",
    "Axe",
    "Subvention (€)",
    "État",
    "Signée par la collectivité le",
    "Signée par l’État le",
    "Notifiée le",
    "Engagement juridique",
    "Versée le",
    "Montant versé (€)",
    "Référence du versement",
)


def _filtered(rows: QuerySet[Convention], wanted: dict[str, str]) -> QuerySet[Convention]:
    if wanted.get("etat"):
        rows = rows.filter(state=wanted["etat"])
    if text := wanted.get("q", "").strip():
        by_number = rows.filter(number__iexact=text)
        rows = (
            by_number if by_number.exists() else rows.filter(application__in=matching(Application.objects.all(), text))
        )
    return rows


@require_safe
def convention_list(request: HttpRequest) -> HttpResponse:
    """Conventions of my organisations, or of my axes and territories: searched, filtered, one page at a time."""
    if not reads_conventions(request.user):
        raise Http404
    form = ConventionFilters(request.GET, works=works_of(request.user))
    page = Paginator(_listed(request, form), PER_PAGE).get_page(request.GET.get("page"))
    audience = SERVICE if agent_scope(request.user) else APPLICANT
    mine = _mine_to_sign(request.user, list(page.object_list))
    for row in page.object_list:
        row.next_step = next_step_of(row, audience, is_mine_to_sign=row.pk in mine)
    formats = list(WRITERS) if audience == SERVICE else []
    return render(request, "conventions/convention_list.html", {"page": page, "form": form, "formats": formats})


def _listed(request: HttpRequest, form: ConventionFilters) -> QuerySet[Convention]:
    """The conventions that the reader may see and has filtered, the last made first."""
    wanted = form.wanted()
    rows = _filtered(Convention.objects.visible_to(request.user), wanted)
    if "attente" in wanted:
        rows = rows.filter(pk__in=WORKS[wanted["attente"]].rows(request.user).values("pk"))
    return rows.select_related("application__organisation", "application__axis").order_by("-created_at", "-number")


@require_safe
def convention_export(request: HttpRequest, file_format: str) -> HttpResponseBase:
    """The same rows as an agent's list, with the dates and references that an audit asks for."""
    if file_format not in WRITERS or not (reads_conventions(request.user) and agent_scope(request.user)):
        raise Http404
    form = ConventionFilters(request.GET, works=works_of(request.user))
    rows = (_cells(row) for row in _listed(request, form).select_related("payment").iterator(chunk_size=500))
    return table_response(file_format=file_format, stem="conventions", header=HEADER, rows=rows)


def _cells(row: Convention) -> tuple[Any, ...]:
    application, payment = row.application, getattr(row, "payment", None)
    return (
        row.number,
        application.number,
        application.organisation.name,
        application.departement_code,
        application.title,
        application.axis.title,
        row.amount,
        row.get_state_display(),
        row.beneficiary_signed_at,
        row.signed_at,
        row.notified_at,
        row.commitment_number,
        payment.paid_on if payment else None,
        payment.amount if payment else None,
        payment.reference if payment else "",
    )


def _mine_to_sign(user: object, shown: list[Convention]) -> set[object]:
    """Among the conventions of a page (by id), those that this very person may sign now."""
    pks = [row.pk for row in shown]
    return {
        *to_sign(user).filter(pk__in=pks).values_list("pk", flat=True),
        *awaiting_signature(user).filter(pk__in=pks).values_list("pk", flat=True),
    }


@require_safe
def signing_queue(request: HttpRequest) -> HttpResponse:
    """What the State's signatory may sign now, the oldest first."""
    if not is_signatory(request.user):
        raise Http404
    rows = awaiting_signature(request.user).select_related("application__organisation", "application__axis")
    page = Paginator(rows.order_by("beneficiary_signed_at", "number"), PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "conventions/signing_queue.html", {"page": page})


@require_safe
def convention_detail(request: HttpRequest, number: str) -> HttpResponse:
    """Where the convention stands, what follows and who acts; the document, its evidence, its history."""
    convention, at = visible_convention(request, number), timezone.now()
    audience = audience_of(request, convention)
    actions = {row.name for row in CONVENTION.available(request.user, convention, at)}
    context = {
        "convention": convention,
        "audience": audience,
        "step": step_of(convention, audience, is_mine_to_sign=not actions.isdisjoint(SIGNING_ACTS)),
        "actions": actions,
        "is_officer": is_officer(request.user, convention, at),
        "is_beneficiary": is_beneficiary(request.user, convention, at),
        "may_report": may_report(person(request), convention, at),
        "in_progress": convention.signings.filter(state__in=["started", "produced"]).first(),
        "failed": _last_failure(convention, audience),
        "current": convention.current_revision(),
        "rows": summary_of(convention, audience),
        "revisions": revisions_of(convention),
        "dates": dates_explained(convention),
        "events": timeline_of(convention, audience),
        "verification": verification_of(convention),
        "payment": getattr(convention, "payment", None),
        "reports": convention.reports.select_related("file", "sent_by").order_by("-sent_at", "-id"),
        "repayments": (repayments := list(convention.repayments.order_by("-notified_at", "-id"))),
        "repayment_is_open": any(row.decided_at is None for row in repayments),
        "to_answer": next((row for row in repayments if row.decided_at is None and row.answered_at is None), None),
        "report_due_on": (due_on := _report_due_on(convention)),
        "report_is_overdue": due_on is not None and due_on < timezone.localdate(at),
        "now": at,
    }
    return render(request, "conventions/convention_detail.html", context)


def _report_due_on(convention: Convention) -> date | None:
    """Until when the final report is awaited; nothing once it has come, nor before both have signed."""
    if convention.signed_at is None or convention.reports.filter(is_final=True).exists():
        return None
    return final_report_due_on(convention)


def _current_sha256(convention: Convention) -> str:
    current = convention.current_revision()
    return current.sha256 if current else ""


def _last_failure(convention: Convention, audience: str) -> Signing | None:
    """The last signature of these bytes that did not succeed; why the State's did not is for the ministry."""
    rows = convention.signings.filter(state=SigningState.FAILED, base_sha256=_current_sha256(convention))
    if audience == APPLICANT:
        rows = rows.filter(kind=RevisionKind.BENEFICIARY)
    return rows.order_by("started_at", "id").last()


@require_safe
def convention_document(request: HttpRequest, number: str) -> HttpResponse:
    """The bytes that both parties keep, unchanged. ``?lecture`` opens them in the browser instead of saving them."""
    convention = visible_convention(request, number)
    revision = convention.current_revision()
    if revision is None or revision.kind == "rendered":
        raise Http404
    try:
        return files.download(revision.file, inline="lecture" in request.GET)
    except files.FileAltered:
        logger.critical("convention_altered", extra={"convention_id": str(convention.pk)})
        messages.error(
            request,
            "Le fichier conservé n’est plus celui qui a été signé : il n’est pas remis. Prévenez l’administration ; "
            "votre copie, si vous en avez une, reste vérifiable.",
        )
        return redirect("convention_detail", number=convention.number)


@require_safe
def report_file(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """The file joined to a report, for whoever may see the convention, once the antivirus has cleared it."""
    convention = visible_convention(request, number)
    report = convention.reports.select_related("file").filter(pk=pk, file__isnull=False).first()
    if report is None or report.file is None:
        raise Http404
    if not uploads.is_released(report.file):
        return render(request, "conventions/file_held.html", {"name": report.file.name}, status=409)
    return files.download(report.file)

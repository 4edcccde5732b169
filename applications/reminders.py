"""What applicants are reminded of, once each: a draft before its session closes, missing items before their date."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from applications import notifications
from applications.completeness import missing_items
from applications.enums import ApplicationState
from applications.models import Application, CompletionRequest
from core.rounds import each_apart

# How long before the closing a draft is recalled: a first time, and a last one.
BEFORE_CLOSING = (timedelta(days=7), timedelta(days=2))
# How long before its date a request for missing items is recalled; one asked for later than that is fresh in mind.
BEFORE_DUE = timedelta(days=3)


def remind_drafts(*, at: datetime) -> int:
    """Writes to those whose draft is not filed while its session is about to close. Returns how many were looked at;
    raises RuntimeError at the end where some could not be written to.

    Each of ``BEFORE_CLOSING`` is written once per session and closing date, whatever the number of calls.
    """
    closing = Application.objects.filter(
        state=ApplicationState.DRAFT,
        session__opens_at__lte=at,
        session__closes_at__gt=at,
        session__closes_at__lte=at + max(BEFORE_CLOSING),
    ).order_by("pk")
    return each_apart("remind_drafts", closing.values_list("pk", flat=True), lambda pk: _remind_draft(pk, at))


@transaction.atomic
def _remind_draft(pk: UUID, at: datetime) -> None:
    # Held, so that nobody is told to file what is being filed; who files at this instant needs no reminder.
    draft = (
        Application.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("session", "axis", "organisation", "created_by")
        .filter(pk=pk, state=ApplicationState.DRAFT)
        .first()
    )
    if draft is None or draft.session.closes_at <= at:
        return
    left = draft.session.closes_at - at
    notice = min(delay for delay in BEFORE_CLOSING if left <= delay)
    if not notifications.is_told_of_closing(draft, notice):  # what it lacks costs many queries: once, not each morning
        notifications.draft_closing(draft, missing_items(draft, at), notice)


def remind_completions(*, at: datetime) -> int:
    """Writes, once for each request, to those whose missing items are due soon. Returns how many were looked at."""
    due = CompletionRequest.objects.filter(
        application__state=ApplicationState.COMPLETION_REQUESTED,
        answered_at__isnull=True,
        requested_at__lt=at - BEFORE_DUE,
        due_at__gt=at,
        due_at__lte=at + BEFORE_DUE,
    ).order_by("pk")
    return each_apart(
        "remind_completions", due.values_list("pk", "application"), lambda keys: _remind_completion(*keys)
    )


@transaction.atomic
def _remind_completion(pk: int, application_id: UUID) -> None:
    application = (
        Application.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(pk=application_id, state=ApplicationState.COMPLETION_REQUESTED)
        .first()
    )
    request = CompletionRequest.objects.filter(pk=pk, answered_at__isnull=True).first()
    if application is not None and request is not None:
        notifications.completion_due_soon(application, request)

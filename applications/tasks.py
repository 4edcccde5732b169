"""What follows a commit: the acknowledgement in PDF and by mail; and the silence that makes a dossier complete."""

from typing import Any

from celery import shared_task
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from applications import notifications
from applications.models import Acknowledgement
from applications.receipt import statement_of
from applications.reminders import remind_completions, remind_drafts
from applications.services import deem_complete
from core import files, outbox
from core.mail import queue_mail
from core.pdf.render import Metadata, render_pdf


@outbox.handler("applications.acknowledge")
def acknowledge(payload: dict[str, Any]) -> None:
    """Writes the acknowledgement once and queues its mail once, whatever the number of deliveries.

    Rendered and stored outside any transaction; the first delivery that sets the file wins.
    """
    row = (
        Acknowledgement.objects.select_related("application__call", "application__axis", "application__organisation")
        .select_related("application__created_by", "application__theme", "application__grouping", "file")
        .filter(application=payload["application"])
        .first()
    )
    if row is None:
        return
    if row.file_id is None:
        stored = files.store(
            content=_pdf(row),
            name=f"accuse-de-reception-{row.number}.pdf",
            kind="acknowledgement",
            media_type="application/pdf",
            actor_id=None,
        )
        Acknowledgement.objects.filter(pk=row.pk, file__isnull=True).update(file=stored)
        row.refresh_from_db()
    with transaction.atomic():
        if _mail(row):
            Acknowledgement.objects.filter(pk=row.pk, sent_at__isnull=True).update(sent_at=timezone.now())


def _context(row: Acknowledgement) -> dict[str, Any]:
    """What was stated at the filing. A dossier filed before statements were kept has only itself to tell it."""
    return row.statement or statement_of(row.application, row.received_at)


def _pdf(row: Acknowledgement) -> bytes:
    context = _context(row)
    html = render_to_string("applications/acknowledgement_pdf.html", context)
    metadata = Metadata(
        title=f"Accusé de réception du dossier {row.number}",
        at=row.received_at,
        author=context["contact_name"],
        subject=context["call"],
    )
    return render_pdf(html, metadata=metadata)


def _mail(row: Acknowledgement) -> bool:
    """Whether there is anybody to write to."""
    assert row.file_id is not None
    addresses = notifications.applicant_addresses(row.application)
    if not addresses:
        return False
    queue_mail(
        to=addresses,
        subject=f"Accusé de réception de votre dossier {row.number}",
        template="emails/applications/acknowledgement.txt",
        context=_context(row),
        dedupe_key=f"application:{row.application_id}:acknowledgement",
        attachments=[row.file_id],
    )
    return True


@shared_task
def deem_complete_task() -> int:
    """Marks the dossiers that silence has made complete."""
    return deem_complete(at=timezone.now())


@shared_task
def remind_drafts_task() -> int:
    """Recalls the drafts whose session is closing. Returns how many were looked at."""
    return remind_drafts(at=timezone.now())


@shared_task
def remind_completions_task() -> int:
    """Recalls the missing items that are due soon. Returns how many were looked at."""
    return remind_completions(at=timezone.now())

"""Mail through the outbox: queued in the transaction, sent after it."""

import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from core import files, outbox
from core.models import StoredFile


def queue_mail(
    *,
    to: list[str],
    subject: str,
    template: str,
    context: dict[str, Any],
    dedupe_key: str,
    attachments: Iterable[uuid.UUID] = (),
) -> None:
    """Queues one mail in the caller's transaction; ``attachments`` are ids of stored files. Queued once per
    key, and sent at least once: a worker that dies between the sending and its record sends again."""
    recipients = sorted({address for address in to if address})
    if not recipients:
        return
    outbox.enqueue(
        kind="core.mail",
        payload={
            "to": recipients,
            "subject": subject,
            "template": template,
            "context": context,
            "attachments": [str(pk) for pk in attachments],
        },
        dedupe_key=f"mail:{dedupe_key}",
    )


@outbox.handler("core.mail", forgets=True)
def send_mail(payload: dict[str, Any]) -> None:
    """Renders and sends one queued mail."""
    context = {**payload["context"], "site_url": settings.SITE_URL}
    body = render_to_string(payload["template"], context).strip()
    # Every mail ends alike: who writes, that nobody reads an answer, whom to ask when the mail has not said it.
    contact = context.get("contact_email") or context.get("contact") or settings.PUBLIC_NOTICE["contact_email"]
    ending = {"site_url": settings.SITE_URL, "contact": contact if contact not in body else ""}
    body = f"{body}\n\n{render_to_string('emails/ending.txt', ending).strip()}\n"
    message = EmailMessage(
        # A header of one line, whose non-breaking spaces stay.
        subject=" ".join(filter(None, map(str.strip, payload["subject"].splitlines()))),
        body=body,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=payload["to"],
    )
    for stored in StoredFile.objects.filter(pk__in=payload["attachments"]).order_by("name"):
        message.attach(stored.name, files.read(stored), stored.media_type)
    message.send()

"""Documents joined to a dossier."""

from datetime import datetime

from django.db import transaction

from accounts.models import User
from applications.enums import AttachmentKind
from applications.models import Application, Attachment
from applications.permissions import may_edit
from applications.services.base import NOT_YOURS, lock
from core import files, uploads
from core.errors import Refused
from core.journal import record

MOST_ATTACHMENTS = 40


def add_attachment(
    *, application: Application, kind: str, name: str, content: bytes, user: User, at: datetime
) -> Attachment:
    """Joins a document. Refused on field ``file`` when it is empty, too large, of a wrong or double type, or infected.

    The bytes are read, scanned and stored before the transaction; if it then refuses, they belong to nothing.
    """
    if kind not in AttachmentKind.values:
        raise Refused("Choisissez la nature de la pièce.", field="kind")
    if not may_edit(user, application, at):
        raise Refused(NOT_YOURS)
    inspected = uploads.inspect(content=content, name=name)
    stored = files.store(
        content=content,
        name=name,
        kind=f"attachment.{kind}",
        media_type=inspected.media_type,
        actor_id=user.pk,
    )
    with transaction.atomic():
        uploads.record_scan(stored, inspected)
        locked = lock(application)
        if not may_edit(user, locked, at):
            raise Refused(NOT_YOURS)
        if locked.attachments.filter(removed_at__isnull=True).count() >= MOST_ATTACHMENTS:
            raise Refused(f"Un dossier compte {MOST_ATTACHMENTS} pièces au plus.", field="file")
        attachment = Attachment.objects.create(application=locked, kind=kind, file=stored, added_at=at, added_by=user)
        record(
            chain=locked.chain,
            action="application.add_attachment",
            at=at,
            actor=user,
            data={"attachment": str(attachment.pk), "kind": kind, "sha256": stored.sha256},
        )
    return attachment


@transaction.atomic
def remove_attachment(*, attachment: Attachment, user: User, at: datetime) -> Attachment:
    """Takes a document out of the dossier; its row and bytes remain. Removing it twice changes nothing."""
    locked = lock(attachment.application)
    if not may_edit(user, locked, at):
        raise Refused(NOT_YOURS)
    row = Attachment.objects.select_for_update(of=("self",)).get(pk=attachment.pk)
    if row.removed_at is None:
        row.removed_at = at
        row.save(update_fields=["removed_at"])
        record(
            chain=locked.chain,
            action="application.remove_attachment",
            at=at,
            actor=user,
            data={"attachment": str(row.pk), "kind": row.kind},
        )
    return row

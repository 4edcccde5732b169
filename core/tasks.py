"""Tasks of the house: deliver the outbox, sweep what the broker lost, anchor the journal, show signs of life."""

from botocore.exceptions import BotoCoreError, ClientError
from celery import shared_task
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from core import anchors, outbox, uploads
from core.models import Heartbeat
from core.signing.timestamps import TimestampError


@shared_task
def deliver_message_task(message_id: str) -> None:
    """Delivers one message of the outbox; does nothing when it is done, gone or in other hands."""
    outbox.deliver(message_id)


@shared_task
def sweep_outbox_task() -> int:
    """Delivers what no bell announced. Returns the number of messages found."""
    due = outbox.due_messages()
    for message_id in due:
        deliver_message_task.apply_async(args=[message_id], retry=False)
    return len(due)


@shared_task(
    autoretry_for=(
        anchors.AnchoringBusy,
        TimestampError,
        OSError,
        OperationalError,
        InterfaceError,
        BotoCoreError,
        ClientError,
    ),
    retry_backoff=30,
    retry_backoff_max=600,
    max_retries=20,
)
def anchor_journal_task() -> None:
    """Seals the heads of all chains of the journal once a day; again and again for about three hours while a backup
    is made, or the authority, the file store or the database does not answer."""
    anchors.anchor_journal()


@shared_task
def queue_unscanned_task() -> int:
    """Has the files scanned that arrived before the antivirus. Returns their number."""
    return uploads.queue_unscanned()


@shared_task
def heartbeat_task() -> None:
    """Proves that beat sent and a worker received: both are alive."""
    Heartbeat.objects.update_or_create(name="worker", defaults={"seen_at": timezone.now()})

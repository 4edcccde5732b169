"""What must follow a commit: a row written in that commit, delivered by Celery, found again by a sweep.

The row is the truth, the broker a bell. Handlers are called outside any transaction and must be re-entrant.
"""

import importlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from core.locks import exclusive
from core.models import OutboxMessage

logger = logging.getLogger("guichet.outbox")

Handler = Callable[[dict[str, Any]], None]
_handlers: dict[str, Handler] = {}
# Kinds whose payload is emptied once delivered: the text of a mail may hold a code.
_forgotten: set[str] = set()

# Delays double up to an hour: the last attempt comes seven days after the first, so that a mail that the law asks for
# survives a mail server away for a long weekend.
ATTEMPTS_BEFORE_ABANDON = 180
LONGEST_DELAY = timedelta(hours=1)
# Looked for at once.
BATCH = 500


def handler(kind: str, *, forgets: bool = False) -> Callable[[Handler], Handler]:
    """Registers the function that delivers messages of this kind; ``forgets`` empties the payload afterwards."""

    def register(function: Handler) -> Handler:
        if forgets:
            _forgotten.add(kind)
        if kind in _handlers and _handlers[kind] is not function:
            raise RuntimeError(f"two handlers for {kind}")
        _handlers[kind] = function
        return function

    return register


@cache
def load_handlers() -> None:
    """Imports ``core.mail`` and each room's ``tasks``, which register themselves."""
    importlib.import_module("core.mail")
    autodiscover_modules("tasks")


def enqueue(
    *, kind: str, payload: dict[str, Any], dedupe_key: str, available_at: datetime | None = None
) -> OutboxMessage:
    """Writes the message in the caller's transaction and rings the bell after its commit.

    A message with the same ``dedupe_key`` is written once. ``available_at`` is a real instant, not the played one.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("enqueue needs the transaction of what it follows")
    message, created = OutboxMessage.objects.get_or_create(
        dedupe_key=dedupe_key,
        defaults={"kind": kind, "payload": payload, "available_at": available_at or timezone.now()},
    )
    if created:
        transaction.on_commit(lambda: ring(str(message.pk)), robust=True)
    return message


def ring(message_id: str) -> None:
    """Tells a worker at once; a broker that is away costs nothing, the sweep will find the row."""
    from core.tasks import deliver_message_task

    try:
        deliver_message_task.apply_async(args=[message_id], retry=False)
    except (KombuError, RedisError, OSError) as error:
        # Refused, time-out, out of memory: the sweep's business, the row is committed.
        logger.info("outbox_bell_not_rung", extra={"message_id": message_id, "error": type(error).__name__})


def deliver(message_id: str) -> bool:
    """Delivers one message if nobody else is at it. True if the handler ran to its end."""
    load_handlers()
    with exclusive(f"outbox:{message_id}") as held:
        if not held:
            return False
        message = OutboxMessage.objects.filter(
            pk=message_id, delivered_at__isnull=True, abandoned_at__isnull=True, available_at__lte=timezone.now()
        ).first()
        if message is None:
            return False
        if not _begin(message):
            return False
        try:
            _handlers[message.kind](message.payload)
        except Exception as error:
            # Whatever a handler raises, the row stays and is tried again: nothing may lose a message.
            logger.exception("outbox_delivery_failed", extra={"message_id": message_id, "kind": message.kind})
            _postpone(message, error)
            return False
        done: dict[str, Any] = {"delivered_at": timezone.now(), "last_error": ""}
        if message.kind in _forgotten:
            done["payload"] = {}
        OutboxMessage.objects.filter(pk=message.pk).update(**done)
        return True


def _begin(message: OutboxMessage) -> bool:
    """Counts the attempt and puts the next one off in the same statement: a handler that kills its process would
    otherwise be the first of the queue for ever. False for one that has had all its attempts."""
    now = timezone.now()
    if message.attempts >= ATTEMPTS_BEFORE_ABANDON:
        OutboxMessage.objects.filter(pk=message.pk).update(abandoned_at=now, last_error="no attempt came to its end")
        return False
    message.attempts += 1
    message.available_at = now + _delay(message.attempts)
    message.save(update_fields=["attempts", "available_at"])
    return True


def _delay(attempts: int) -> timedelta:
    """How long after this attempt the next one comes: 2 s, 4 s… up to an hour."""
    return min(LONGEST_DELAY, timedelta(seconds=2 ** min(attempts, 12)))


def _postpone(message: OutboxMessage, error: Exception) -> None:
    """Tries later, with a growing delay; after many attempts the row is set aside for a person to look at."""
    now = timezone.now()
    changes: dict[str, Any] = {
        "available_at": now + _delay(message.attempts),
        "last_error": f"{type(error).__name__}: {error}"[:2000],
    }
    if message.attempts >= ATTEMPTS_BEFORE_ABANDON:
        changes["abandoned_at"] = now
    OutboxMessage.objects.filter(pk=message.pk).update(**changes)


def abandoned_messages() -> QuerySet[OutboxMessage]:
    """Messages set aside after too many attempts: nothing tries them again until ``put_back_abandoned``."""
    return OutboxMessage.objects.filter(delivered_at__isnull=True, abandoned_at__isnull=False)


def failed_messages() -> list[OutboxMessage]:
    """Messages tried in vain that will be tried again, the oldest first; not those that somebody is delivering now."""
    tried = _tried_messages().order_by("created_at", "id")
    return [message for message in tried if _is_left(message)]


def _tried_messages() -> QuerySet[OutboxMessage]:
    return OutboxMessage.objects.filter(delivered_at__isnull=True, abandoned_at__isnull=True, attempts__gt=0)


def _is_left(message: OutboxMessage) -> bool:
    """Whether nobody holds the message, and it is still to deliver."""
    with exclusive(f"outbox:{message.pk}") as held:
        return held and _tried_messages().filter(pk=message.pk).exists()


def put_back_abandoned() -> int:
    """Puts what was set aside back in the queue, due now, with all its attempts. Returns how many."""
    return abandoned_messages().update(abandoned_at=None, attempts=0, available_at=timezone.now())


def due_messages() -> list[str]:
    """Ids of the messages that somebody should deliver now, oldest first, ``BATCH`` at most."""
    now = timezone.now()
    rows = (
        OutboxMessage.objects.filter(delivered_at__isnull=True, abandoned_at__isnull=True, available_at__lte=now)
        .order_by("available_at", "id")
        .values_list("pk", flat=True)[:BATCH]
    )
    return [str(pk) for pk in rows]


def deliver_all(limit: int = 10_000) -> int:
    """Delivers in this process all that is due, without a broker; used by commands and tests. Returns how many.

    Each message is tried once: those that fail wait for their next time and hold back none of the others.
    """
    delivered, tried = 0, set[str]()
    while delivered < limit:
        due = [message_id for message_id in due_messages() if message_id not in tried]
        if not due:
            break
        tried.update(due)
        delivered += sum(deliver(message_id) for message_id in due)
    return delivered

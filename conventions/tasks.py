"""What the worker does for conventions."""

import logging
from typing import Any

from celery import shared_task
from django.utils import timezone

from conventions.services.reports import remind_final_reports
from conventions.services.signing import POSTPONED, complete_signing, unfinished_signings
from conventions.services.writing import write_convention
from core import outbox

logger = logging.getLogger("guichet.signing")


@outbox.handler("conventions.write")
def write(payload: dict[str, Any]) -> None:
    """Writes and seals one convention."""
    write_convention(convention_id=payload["convention"])


@outbox.handler("conventions.sign")
def finish_signing(payload: dict[str, Any]) -> None:
    """Finishes a signature that the request began."""
    complete_signing(signing_id=payload["signing"])


@shared_task
def sweep_signings_task() -> int:
    """Resumes signatures that stopped on the way. Returns how many were found.

    One that fails again (no key, no timestamp authority, store or database away) is left for the next round and hinders no other.
    """
    found = unfinished_signings()
    for signing_id in found:
        try:
            complete_signing(signing_id=signing_id)
        except POSTPONED as error:
            logger.warning("signing_postponed", extra={"signing_id": signing_id, "error": type(error).__name__})
    return len(found)


@shared_task
def remind_reports_task() -> int:
    """Recalls the final reports that are due or late. Returns how many were looked at."""
    return remind_final_reports(today=timezone.localdate())

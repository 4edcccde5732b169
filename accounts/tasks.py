"""What time makes useless is forgotten."""

import logging
from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from celery import shared_task
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts import recovery, totp
from accounts.models import FactorRecovery, Try, UsedCode

logger = logging.getLogger("guichet.accounts")

# A code is accepted within a minute of its step; a day is far beyond.
CODES_KEPT = timedelta(days=1)

# The cache removes what has expired only when asked for it again, or when it overflows. An array is drawn once; « IN »
# may be planned as a nested loop, which draws the batch again for each row of the outer side and takes everything.
EXPIRED_IN_CACHE = """
DELETE FROM core_cache WHERE expires < %(now)s AND cache_key = ANY (ARRAY(
    SELECT cache_key FROM core_cache WHERE expires < %(now)s LIMIT %(rows)s FOR UPDATE SKIP LOCKED
))
"""
BATCH_ROWS = 1_000
BATCHES = 500


@shared_task
def forget_expired_task() -> None:
    """Removes ended sessions, what is kept beside each of them (address, browser), and the steps of codes that nobody
    could use again; the counters of tries, whose keys hold or hash addresses; closes the requests about lost second
    factors that were left unused."""
    now, failed = timezone.now(), []
    for step in (_forget_codes, _forget_sessions, _forget_tries, _forget_expired_in_cache, _close_overdue):
        try:
            step(now)
        except Exception:
            # One that breaks keeps back none of the others until tomorrow.
            logger.exception("forgetting_failed", extra={"step": step.__name__})
            failed.append(step.__name__)
    if failed:
        raise RuntimeError(f"not forgotten: {', '.join(failed)}")


def _forget_codes(now: datetime) -> None:
    UsedCode.objects.filter(step__lt=totp.step_at(now - CODES_KEPT)).delete()


def _forget_sessions(now: datetime) -> None:
    Session.objects.filter(expire_date__lt=now).delete()
    # The library removes its rows when their owner opens the list, or signs out from it: never, for most people.
    open_here = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.exclude(Exists(open_here)).delete()


def _forget_tries(now: datetime) -> None:
    Try.objects.filter(expires_at__lte=now).delete()


def _close_overdue(now: datetime) -> None:
    for overdue in FactorRecovery.objects.overdue(now):
        recovery.lapse_recovery(recovery=overdue, at=now)


def _forget_expired_in_cache(now: datetime) -> None:
    # By small batches, each its own transaction: nobody who signs in meanwhile waits for the whole night's rows.
    with connection.cursor() as cursor:
        for _ in range(BATCHES):
            cursor.execute(EXPIRED_IN_CACHE, {"now": now, "rows": BATCH_ROWS})
            if cursor.rowcount < BATCH_ROWS:
                return

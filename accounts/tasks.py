"""What time makes useless is forgotten."""

from datetime import timedelta

from allauth.usersessions.models import UserSession
from celery import shared_task
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.utils import timezone

from accounts import recovery, totp
from accounts.models import FactorRecovery, UsedCode

# A code is accepted within a minute of its step; a day is far beyond.
CODES_KEPT = timedelta(days=1)


@shared_task
def forget_expired_task() -> None:
    """Removes ended sessions, what is kept beside each of them (address, browser), and the steps of codes that nobody
    could use again; closes the requests about lost second factors that were left unused."""
    now = timezone.now()
    UsedCode.objects.filter(step__lt=totp.step_at(now - CODES_KEPT)).delete()
    Session.objects.filter(expire_date__lt=now).delete()
    # The library removes its rows when their owner opens the list, or signs out from it: never, for most people.
    open_here = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.exclude(Exists(open_here)).delete()
    for overdue in FactorRecovery.objects.overdue(now):
        recovery.lapse_recovery(recovery=overdue, at=now)

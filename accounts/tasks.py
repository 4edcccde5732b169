"""What time makes useless is forgotten."""

from datetime import timedelta

from celery import shared_task
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import totp
from accounts.models import UsedCode

# A code is accepted within a minute of its step; a day is far beyond.
CODES_KEPT = timedelta(days=1)


@shared_task
def forget_expired_task() -> None:
    """Removes ended sessions and the steps of codes that nobody could use again."""
    now = timezone.now()
    UsedCode.objects.filter(step__lt=totp.step_at(now - CODES_KEPT)).delete()
    Session.objects.filter(expire_date__lt=now).delete()

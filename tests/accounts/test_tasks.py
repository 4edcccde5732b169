"""What is forgotten each night, and what is not."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import totp
from accounts.models import UsedCode
from accounts.tasks import forget_expired_task
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db


def test_old_codes_and_ended_sessions_are_forgotten_and_the_others_kept():
    user, now = UserFactory(second_factor=True), timezone.now()
    for days in (0, 2):
        UsedCode.objects.create(user=user, step=totp.step_at(now - timedelta(days=days)))
        Session.objects.create(session_key=f"key{days}", session_data="", expire_date=now + timedelta(days=1 - days))
    forget_expired_task()
    assert UsedCode.objects.get().step >= totp.step_at(now - timedelta(minutes=1))
    assert Session.objects.get().session_key == "key0"


def test_address_and_browser_of_a_session_are_forgotten_with_it():
    """Expired, or ended by a way that did not know of the row beside it."""
    user, now = UserFactory(second_factor=True), timezone.now()
    for key, days in (("open", 1), ("expired", -1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(days=days))
    for key in ("open", "expired", "gone"):
        UserSession.objects.create(user=user, session_key=key, ip="192.0.2.7", user_agent="Firefox")
    forget_expired_task()
    assert UserSession.objects.get().session_key == "open"


def test_forgetting_is_scheduled(settings):
    assert "accounts.tasks.forget_expired_task" in {row["task"] for row in settings.CELERY_BEAT_SCHEDULE.values()}

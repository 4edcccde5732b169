"""What is forgotten each night, and what is not."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts import tasks, throttle, totp
from accounts.models import Try, UsedCode
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


def counters():
    with connection.cursor() as cursor:
        cursor.execute("SELECT cache_key FROM core_cache")
        return {key for (key,) in cursor.fetchall()}


def test_addresses_of_who_mistyped_a_password_are_forgotten(client):
    address = "203.0.113.77"
    for _ in range(2):
        client.post(reverse("account_login"), {"login": UserFactory().email, "password": "faux"}, REMOTE_ADDR=address)
    throttle.take_try(name=f"verify.code:{address}", limit=5, seconds=900)
    assert any(address in key for key in counters())
    forget_expired_task()
    assert any(address in key for key in counters()), "still counts"
    assert Try.objects.count() == 1
    with time_machine.travel(timezone.now() + timedelta(days=1), tick=False):
        cache.set("today", 1, timeout=60)
        forget_expired_task()
    assert counters() == {cache.make_key("today")}
    assert not Try.objects.exists()


@pytest.mark.parametrize("avoided", [("nestloop",), ("hashjoin", "mergejoin", "hashagg", "sort", "material")])
def test_expired_rows_go_by_batches_of_a_bounded_number(monkeypatch, avoided):
    """However PostgreSQL plans the deletion, which its statistics decide."""
    monkeypatch.setattr(tasks, "BATCH_ROWS", 2)
    with connection.cursor() as cursor:
        for method in avoided:
            cursor.execute(f"SET LOCAL enable_{method} = off")
    for number in range(7):
        cache.set(f"key{number}", 1, timeout=1)
    with time_machine.travel(timezone.now() + timedelta(minutes=1), tick=False):
        monkeypatch.setattr(tasks, "BATCHES", 1)
        forget_expired_task()
        assert len(counters()) == 5
        monkeypatch.setattr(tasks, "BATCHES", 50)
        forget_expired_task()
    assert counters() == set()


def test_forgetting_is_scheduled(settings):
    assert "accounts.tasks.forget_expired_task" in {row["task"] for row in settings.CELERY_BEAT_SCHEDULE.values()}


def test_step_that_breaks_keeps_back_none_of_the_others(db, monkeypatch, caplog):
    Try.objects.create(
        name_sha256="a" * 64, number=0, token=uuid.uuid4(), expires_at=timezone.now() - timedelta(days=1)
    )

    def broken(self, *args, **kwargs):
        raise OSError("disque plein")

    monkeypatch.setattr(tasks, "_forget_sessions", broken)
    broken.__name__ = "_forget_sessions"
    with pytest.raises(RuntimeError, match="not forgotten: _forget_sessions"):
        forget_expired_task()
    assert "forgetting_failed" in caplog.text
    assert not Try.objects.exists()

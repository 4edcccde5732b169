"""Tries are counted exactly, at the first quarter of an hour as at the next ones, one by one as all at once."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from accounts import confirmations, throttle
from accounts.models import Try
from core.errors import Refused
from tests.factories.accounts import UserFactory

PAST = "UPDATE accounts_try SET expires_at = now() - interval '1 second'"


def take(name="x", limit=5, seconds=900):
    return throttle.take_try(name=name, limit=limit, seconds=seconds)


def together(work, count):
    barrier, outcomes = threading.Barrier(count), []

    def run():
        try:
            connection.ensure_connection()
            barrier.wait(timeout=20)
            outcomes.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(outcomes) == count
    return outcomes


@pytest.mark.django_db
def test_tries_are_counted_by_name_and_come_back_with_time_or_success():
    taken = [take() for _ in range(5)]
    assert all(taken)
    assert take() is None
    assert take("y")
    throttle.give_back(taken[2])
    assert take()
    assert take() is None
    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=1), tick=False):
        assert all(take() for _ in range(5))
        assert take() is None
    assert Try.objects.count() == 6, "the rows serve again"


@pytest.mark.django_db
def test_late_success_gives_back_its_own_try_not_the_one_that_replaced_it():
    early = take(limit=1)
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=False):
        assert take(limit=1)
        throttle.give_back(early)
        assert take(limit=1) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("expired", [False, True], ids=["first", "after expiry"])
def test_simultaneous_requests_take_no_more_than_the_limit(expired):
    for turn in range(3):
        if expired:
            assert all(take(f"{turn}") for _ in range(5))
            with connection.cursor() as cursor:
                cursor.execute(PAST)
        assert sum(token is not None for token in together(lambda: take(f"{turn}"), 20)) == 5  # noqa: B023


@pytest.mark.django_db(transaction=True)
def test_five_wrong_codes_a_quarter_of_an_hour_later_too_even_all_at_once():
    user, at = UserFactory(second_factor=True), timezone.now()

    def wrong():
        try:
            confirmations.confirm_act(user=user, act="conventions.sign", content_sha256="a" * 64, code="12", at=at)
        except Refused as refusal:
            return "n’est pas le bon" in refusal.message

    assert sum(wrong() for _ in range(7)) == 5
    with connection.cursor() as cursor:
        cursor.execute(PAST)
    assert sum(together(wrong, 20)) == 5

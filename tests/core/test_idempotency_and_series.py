"""One key, one effect; one series, no gap."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from core.idempotency import KeyReused, idempotent
from core.models import IdempotencyRecord
from core.series import take_number


def command(key="k", **content):
    with transaction.atomic(), idempotent(key=key, act="test", actor=None, content=content) as run:
        if not run.is_replay:
            run.answer = {"number": take_number("commands")}
        return run.answer


def test_idempotent_same_key_and_content_gives_the_same_answer(db):
    assert command(amount="1.00") == command(amount="1.00") == {"number": 1}


def test_idempotent_same_key_other_content_is_refused(db):
    command(amount="1.00")
    with pytest.raises(KeyReused):
        command(amount="2.00")
    assert IdempotencyRecord.objects.count() == 1
    assert command(key="other", amount="2.00") == {"number": 2}


def test_idempotent_failed_command_may_be_sent_again(db):
    with (
        pytest.raises(ZeroDivisionError),
        transaction.atomic(),
        idempotent(key="k", act="test", actor=None, content={}),
    ):
        raise ZeroDivisionError
    assert command() == {"number": 1}


def _closing(function):
    try:
        return function()
    finally:
        connection.close()


def test_idempotent_fifty_at_once_run_once(transactional_db):
    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(lambda _: _closing(command), range(50)))
    assert answers == [{"number": 1}] * 50


def test_take_number_outside_a_transaction_is_refused(transactional_db):
    with pytest.raises(RuntimeError):
        take_number("s")


def test_take_number_simultaneous_draws_leave_no_gap_and_no_double(transactional_db):
    def draw(turn):
        def run():
            try:
                with transaction.atomic():
                    number = take_number("s")
                    if turn % 4 == 0:
                        raise ZeroDivisionError
                    return number
            except ZeroDivisionError:
                return None

        return _closing(run)

    with ThreadPoolExecutor(16) as pool:
        drawn = [number for number in pool.map(draw, range(100)) if number is not None]
    assert sorted(drawn) == list(range(1, 76))

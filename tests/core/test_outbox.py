"""The outbox: one row per effect, delivered though the broker is away, once though many try."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from itertools import pairwise

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from core import outbox
from core.mail import queue_mail, send_mail
from core.models import OutboxMessage


@pytest.fixture
def delivered(monkeypatch):
    """A handler « test.note » that notes what it receives."""
    notes: list[dict] = []
    monkeypatch.setitem(outbox._handlers, "test.note", notes.append)
    return notes


def put(key="k", **payload):
    with transaction.atomic():
        return outbox.enqueue(kind="test.note", payload=payload, dedupe_key=key)


def test_enqueue_outside_a_transaction_is_refused(transactional_db):
    with pytest.raises(RuntimeError):
        outbox.enqueue(kind="test.note", payload={}, dedupe_key="k")
    assert not OutboxMessage.objects.exists()


def test_enqueue_rolled_back_leaves_nothing(transactional_db, delivered):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        outbox.enqueue(kind="test.note", payload={}, dedupe_key="k")
        raise ZeroDivisionError
    assert outbox.deliver_all() == 0
    assert delivered == []


def test_enqueue_twice_with_one_key_delivers_once(transactional_db, delivered):
    put(n=1)
    put(n=2)
    assert outbox.deliver_all() == 1
    assert delivered == [{"n": 1}]


def test_enqueue_while_the_broker_is_away_keeps_the_row(transactional_db, delivered, settings, monkeypatch):
    from config.celery import app

    monkeypatch.setattr(app.conf, "broker_url", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(app, "_pool", None)
    message = put()
    assert outbox.due_messages() == [str(message.pk)]
    assert outbox.deliver_all() == 1


def test_deliver_by_many_at_once_runs_the_handler_once(transactional_db, monkeypatch):
    started, release, calls = threading.Event(), threading.Event(), []

    def slow(payload):
        calls.append(payload)
        started.set()
        assert release.wait(20)

    monkeypatch.setitem(outbox._handlers, "test.note", slow)
    message = put()

    def attempt(_):
        try:
            return outbox.deliver(str(message.pk))
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(attempt, 0)
        assert started.wait(20)
        others = list(pool.map(attempt, range(6)))
        release.set()
        assert first.result() is True
    assert others == [False] * 6
    assert len(calls) == 1


def test_deliver_when_the_handler_fails_postpones_and_says_why(transactional_db, monkeypatch, caplog):
    def broken(payload):
        raise ValueError("panne")

    monkeypatch.setitem(outbox._handlers, "test.note", broken)
    message = put()
    assert outbox.deliver(str(message.pk)) is False
    message.refresh_from_db()
    assert message.delivered_at is None
    assert message.available_at > timezone.now()
    assert message.last_error == "ValueError: panne"
    assert outbox.due_messages() == []


def test_deliver_failing_for_ever_is_set_aside(transactional_db, monkeypatch, caplog):
    def broken(payload):
        raise ValueError("panne")

    monkeypatch.setitem(outbox._handlers, "test.note", broken)
    message = put()
    OutboxMessage.objects.update(attempts=outbox.ATTEMPTS_BEFORE_ABANDON - 1)
    outbox.deliver(str(message.pk))
    message.refresh_from_db()
    assert message.abandoned_at is not None


class Killed(BaseException):
    """As a process killed in the middle of its work: nothing after it runs."""


def test_message_whose_handler_kills_its_process_waits_longer_each_time_then_is_set_aside(
    transactional_db, monkeypatch
):
    def die(payload):
        raise Killed

    monkeypatch.setitem(outbox._handlers, "test.note", die)
    message = put()
    delays = []
    for _ in range(3):
        with time_machine.travel(message.available_at, tick=False), pytest.raises(Killed):
            outbox.deliver(str(message.pk))
        before = message.available_at
        message.refresh_from_db()
        delays.append((message.available_at - before).total_seconds())
    assert (delays, message.attempts) == ([2, 4, 8], 3)
    OutboxMessage.objects.update(attempts=outbox.ATTEMPTS_BEFORE_ABANDON)
    with time_machine.travel(message.available_at, tick=False):
        assert outbox.deliver(str(message.pk)) is False
        assert outbox.due_messages() == []
    message.refresh_from_db()
    assert message.abandoned_at is not None and message.delivered_at is None


def test_message_survives_an_outage_of_a_week(transactional_db, monkeypatch, caplog):
    """Tried as soon as it is due, until it is set aside: from the first attempt to the last, seven days."""

    def away(payload):
        raise ConnectionError("mail server away")

    monkeypatch.setitem(outbox._handlers, "test.note", away)
    message = put()
    first, tried = message.available_at, []
    while message.abandoned_at is None:
        with time_machine.travel(message.available_at, tick=False):
            tried.append(timezone.now())
            assert outbox.deliver(str(message.pk)) is False
        message.refresh_from_db()
    assert len(tried) == outbox.ATTEMPTS_BEFORE_ABANDON
    assert timedelta(days=7) <= tried[-1] - first < timedelta(days=7, hours=2)
    assert max(later - earlier for earlier, later in pairwise(tried)) == timedelta(hours=1)
    assert outbox.abandoned_messages().get() == message


def set_aside(message):
    OutboxMessage.objects.filter(pk=message.pk).update(
        abandoned_at=timezone.now(), attempts=outbox.ATTEMPTS_BEFORE_ABANDON, available_at=timezone.now()
    )


def test_many_that_fail_hold_back_none_of_the_others(transactional_db, monkeypatch, caplog):
    def handler(payload):
        if payload["fails"]:
            raise ValueError("server away")

    monkeypatch.setitem(outbox._handlers, "test.note", handler)
    monkeypatch.setattr(outbox, "BATCH", 3)
    for number in range(7):
        put(f"bad-{number}", fails=True)
    good = put("good", fails=False)
    assert outbox.deliver_all() == 1
    good.refresh_from_db()
    assert good.delivered_at is not None
    assert set(OutboxMessage.objects.exclude(pk=good.pk).values_list("attempts", flat=True)) == {1}


def test_deliver_outbox_leaves_what_was_set_aside_until_asked(transactional_db, delivered):
    set_aside(put("aside", n=1))
    put("due", n=2)
    answer = StringIO()
    call_command("deliver_outbox", stdout=answer)
    assert delivered == [{"n": 2}]
    assert answer.getvalue().splitlines()[0] == "1\u00a0message traité"
    assert "1\u00a0message abandonné" in answer.getvalue()
    assert "--abandoned" in answer.getvalue()
    answer = StringIO()
    call_command("deliver_outbox", abandoned=True, stdout=answer)
    assert delivered == [{"n": 2}, {"n": 1}]
    assert "1 message(s) remis en file" in answer.getvalue()
    assert not outbox.abandoned_messages().exists()
    call_command("deliver_outbox", abandoned=True, stdout=StringIO())
    assert len(delivered) == 2


def test_message_put_back_and_failing_again_has_all_its_attempts(transactional_db, monkeypatch, caplog):
    def broken(payload):
        raise ValueError("panne")

    monkeypatch.setitem(outbox._handlers, "test.note", broken)
    message = put()
    set_aside(message)
    with pytest.raises(CommandError, match=r"1\smessage en échec, qui sera repris. .*test.note.*ValueError: panne"):
        call_command("deliver_outbox", abandoned=True, stdout=StringIO())
    message.refresh_from_db()
    assert (message.attempts, message.abandoned_at) == (1, None)


@pytest.mark.parametrize("error", ["", "OSError: panne"])
def test_deliver_outbox_beside_another_worker_calls_nothing_failed(transactional_db, monkeypatch, error):
    """What another process is sending has had an attempt and is not sent yet: neither failed nor to be feared."""
    message = put()
    OutboxMessage.objects.update(last_error=error)
    begun, finish = threading.Event(), threading.Event()

    def slow(payload):
        begun.set()
        assert finish.wait(20)

    def elsewhere():
        try:
            return outbox.deliver(str(message.pk))
        finally:
            connection.close()

    monkeypatch.setitem(outbox._handlers, "test.note", slow)
    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(elsewhere)
        assert begun.wait(20)
        try:
            call_command("deliver_outbox", stdout=StringIO())
        finally:
            finish.set()
        assert working.result(20) is True


def test_deliver_outbox_after_a_worker_killed_on_the_way_says_so(transactional_db, delivered):
    message = put()
    OutboxMessage.objects.update(attempts=1, available_at=timezone.now() + timedelta(minutes=1))
    with pytest.raises(CommandError, match=r"1\smessage en échec.*essai interrompu"):
        call_command("deliver_outbox", stdout=StringIO())
    assert OutboxMessage.objects.get(pk=message.pk).delivered_at is None
    assert delivered == []


def test_deliver_outbox_says_that_some_are_left(transactional_db, delivered, monkeypatch):
    monkeypatch.setattr(outbox, "deliver_all", lambda: 0)
    put("a", n=1)
    put("b", n=2)
    with pytest.raises(CommandError, match=r"2\smessages restent à traiter"):
        call_command("deliver_outbox", stdout=StringIO())
    assert delivered == []


def test_message_delivered_after_it_was_set_aside_is_not_put_back(transactional_db, delivered):
    message = put()
    set_aside(message)
    OutboxMessage.objects.update(delivered_at=timezone.now())
    assert outbox.put_back_abandoned() == 0
    assert not outbox.abandoned_messages().exists()


def test_deliver_a_mail_sends_it_and_forgets_its_text(transactional_db, mailoutbox):
    with transaction.atomic():
        queue_mail(
            to=["agent@example.org"],
            subject="Votre code",
            template="emails/accounts/message.txt",
            context={"body": "Code : 123456"},
            dedupe_key="test",
        )
    assert outbox.deliver_all() == 1
    assert [(mail.to, mail.subject) for mail in mailoutbox] == [(["agent@example.org"], "Votre code")]
    assert "123456" in mailoutbox[0].body
    assert OutboxMessage.objects.get().payload == {}


def test_subject_of_a_mail_stays_on_one_line(transactional_db, mailoutbox):
    template = {"template": "emails/accounts/message.txt", "context": {"body": "Bonjour."}}
    payload = {"to": ["a@example.fr"], **template, "attachments": []}
    send_mail({**payload, "subject": "Appel\u00a0:\r\nBcc: b@example.fr\r suite\u2028fin"})
    assert mailoutbox[0].subject == "Appel\u00a0: Bcc: b@example.fr suite fin"

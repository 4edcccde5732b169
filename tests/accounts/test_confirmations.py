"""A confirmation is fresh, served once, and bound to (person, act, content)."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from accounts import confirmations
from accounts.models import Confirmation, UsedCode
from core.errors import Refused
from tests.factories.accounts import UserFactory, code_of, confirmed

NOON = datetime(2021, 9, 21, 10, 0, tzinfo=UTC)
ACT = "conventions.sign"
DIGEST = confirmations.content_digest({"amount": "100000.00", "number": "88-001"})
OTHER_DIGEST = confirmations.content_digest({"amount": "100000.01", "number": "88-001"})


def confirm(user, *, code=None, act=ACT, digest=DIGEST, at=NOON):
    return confirmations.confirm_act(user=user, act=act, content_sha256=digest, code=code or code_of(user, at), at=at)


def consume(user, *, act=ACT, digest=DIGEST, at=NOON):
    with transaction.atomic():
        return confirmations.consume(user=user, act=act, content_sha256=digest, at=at)


def test_content_digest_depends_on_content_not_on_order():
    assert confirmations.content_digest({"a": "1", "b": ["é"]}) == confirmations.content_digest({"b": ["é"], "a": "1"})
    assert DIGEST != OTHER_DIGEST


@pytest.mark.django_db
def test_confirmation_with_right_code_serves_once():
    user = UserFactory(second_factor=True)
    confirm(user)
    used = consume(user)
    assert used.used_at == NOON
    with pytest.raises(Refused) as refusal:
        consume(user)
    assert refusal.value.field == "confirmation_code"


@pytest.mark.django_db
@pytest.mark.parametrize("shift", [-30, 0, 30])
def test_code_of_the_neighbouring_steps_is_accepted(shift):
    user = UserFactory(second_factor=True)
    assert confirm(user, code=code_of(user, NOON + timedelta(seconds=shift))).used_at is None


@pytest.mark.django_db
@pytest.mark.parametrize("shift", [-60, 60])
def test_code_of_a_farther_step_is_refused(shift):
    user = UserFactory(second_factor=True)
    with pytest.raises(Refused):
        confirm(user, code=code_of(user, NOON + timedelta(seconds=shift)))
    assert not Confirmation.objects.exists()
    assert not UsedCode.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "other",
    [
        {"act": "conventions.pay"},
        {"digest": OTHER_DIGEST},
        {"at": NOON + timedelta(minutes=5)},
        {"at": NOON - timedelta(seconds=1)},
    ],
    ids=["act", "content", "expired", "not yet"],
)
def test_confirmation_of_something_else_is_refused_and_stays(other):
    user = UserFactory(second_factor=True)
    confirm(user)
    with pytest.raises(Refused):
        consume(user, **other)
    assert Confirmation.objects.get().used_at is None
    assert consume(user).used_at == NOON


@pytest.mark.django_db
def test_confirmation_of_somebody_else_is_refused():
    user, other = UserFactory(second_factor=True), UserFactory(second_factor=True)
    confirm(user)
    with pytest.raises(Refused):
        consume(other)
    assert Confirmation.objects.get().used_at is None


@pytest.mark.django_db
def test_same_code_twice_is_refused():
    user = UserFactory(second_factor=True)
    confirm(user)
    with pytest.raises(Refused):
        confirm(user, digest=OTHER_DIGEST)
    assert Confirmation.objects.count() == 1


@pytest.mark.django_db
def test_without_second_factor_is_refused():
    with pytest.raises(Refused, match="seconde vérification"):
        confirm(UserFactory(), code="123456")


@pytest.mark.django_db
def test_consume_is_undone_with_its_transaction():
    user = UserFactory(second_factor=True)
    confirm(user)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        confirmations.consume(user=user, act=ACT, content_sha256=DIGEST, at=NOON)
        _ = 1 / 0
    assert consume(user).used_at == NOON


@pytest.mark.django_db(transaction=True)
def test_confirm_inside_a_transaction_is_a_programming_error():
    # A rollback would give the code and the count of wrong ones back.
    user = UserFactory(second_factor=True)
    with pytest.raises(RuntimeError), transaction.atomic():
        confirm(user)


@pytest.mark.django_db
def test_five_wrong_codes_stop_this_act_and_nothing_else():
    user = UserFactory(second_factor=True)
    for _ in range(5):
        with pytest.raises(Refused, match="n’est pas le bon"):
            confirm(user, code="000000" if code_of(user, NOON) != "000000" else "111111")
    with pytest.raises(Refused, match="quart d’heure"):
        confirm(user)
    assert not Confirmation.objects.exists()
    assert not UsedCode.objects.exists(), "the right code was not spent"
    user.refresh_from_db()
    assert user.is_active
    assert confirm(user, act="conventions.pay").act == "conventions.pay"
    assert confirm(UserFactory(second_factor=True)).act == ACT


@pytest.mark.django_db
def test_wrong_codes_are_forgotten_after_a_quarter_of_an_hour():
    user = UserFactory(second_factor=True)
    for _ in range(5):
        with pytest.raises(Refused, match="n’est pas le bon"):
            confirm(user, code="12")
    later = timezone.now() + timedelta(minutes=14, seconds=50)
    with time_machine.travel(later, tick=False), pytest.raises(Refused, match="quart d’heure"):
        confirm(user)
    with time_machine.travel(later + timedelta(seconds=20), tick=False):
        assert confirm(user).act == ACT


@pytest.mark.django_db
def test_right_codes_do_not_count_as_tries():
    user = UserFactory(second_factor=True)
    for number in range(7):
        at = NOON + timedelta(minutes=number)
        confirm(user, at=at)
    assert Confirmation.objects.count() == 7


def in_threads(work, count=8):
    barrier = threading.Barrier(count)
    outcomes = []

    def run():
        try:
            barrier.wait(timeout=20)
            outcomes.append(work())
        except Refused as refusal:
            outcomes.append(refusal)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_one_code_in_simultaneous_requests_serves_once():
    user = UserFactory(second_factor=True)
    code = code_of(user, NOON)
    # Four at a time stay under the limit of wrong codes, so that only the code's single use decides.
    outcomes = in_threads(lambda: confirm(user, code=code), count=4)
    assert sum(isinstance(outcome, Confirmation) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, Refused) for outcome in outcomes) == 3
    assert Confirmation.objects.count() == 1
    assert UsedCode.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_confirmation_in_simultaneous_acts_is_used_once():
    user = UserFactory(second_factor=True)
    confirmed(user, act=ACT, content_sha256=DIGEST, at=NOON)
    outcomes = in_threads(lambda: consume(user))
    assert sum(isinstance(outcome, Confirmation) for outcome in outcomes) == 1
    assert len(outcomes) == 8

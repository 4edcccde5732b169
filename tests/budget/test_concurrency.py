"""Many hands on the same money, on real PostgreSQL: nothing over, every refusal explained, no deadlock."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal as D
from random import Random
from threading import Barrier, BoundedSemaphore, Event

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.db.models import Sum

from budget import services
from budget.models import AwardBalance, Balance, LedgerEntry, PaymentCredit
from budget.services import Award
from core.errors import Refused
from core.idempotency import KeyReused
from core.models import JournalEntry
from tests.factories.budget import AT, Tree, make_key

# Two hundred connections each, of the 300 that the server allows: never two of these at the same time.
pytestmark = pytest.mark.xdist_group("crowd")


# They come in a few at a time, then start together: two hundred at the same door would be turned away at random.
DOOR = BoundedSemaphore(10)


def _connect() -> None:
    """The server may still be closing the connections of the test before this one, slowly on a busy machine."""
    with DOOR:
        for _ in range(600):
            try:
                return connection.ensure_connection()
            except OperationalError:
                Event().wait(0.1)
        return connection.ensure_connection()


def at_once(calls: list[Callable[[], object]]) -> list[object]:
    """Runs all the calls in threads that start together; each result or the exception it raised."""
    barrier = Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        try:
            _connect()
            barrier.wait(timeout=120)
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def assert_books_agree(leaf):
    """Balance of the leaf = entries = sum of the dossiers' balances; journal and sequence without a gap."""
    held = Balance.objects.get(pk=leaf.pk)
    total = LedgerEntry.objects.filter(envelope=leaf).aggregate(total=Sum("amount"))["total"] or D(0)
    awards = AwardBalance.objects.filter(envelope=leaf).aggregate(total=Sum("reserved"))["total"] or D(0)
    assert held.reserved == total == awards
    assert held.reserved <= held.allocated
    count = LedgerEntry.objects.filter(envelope=leaf).count()
    sequences = LedgerEntry.objects.filter(envelope=leaf).order_by("sequence").values_list("sequence", flat=True)
    assert list(sequences) == list(range(1, count + 1))
    assert held.last_sequence == count
    assert JournalEntry.objects.filter(chain=f"envelope:{leaf.pk}").count() == count


def draw(seed):
    """200 amounts, several times what the envelope holds."""
    random = Random(seed)
    return [D(random.randint(500_000, 6_000_000)) / 100 for _ in range(200)]


@pytest.mark.parametrize("seed", [1, 2, 3, 4, 5])
def test_200_simultaneous_awards_spend_nothing_that_is_not_there(transactional_db, seed):
    tree = Tree("1000000.00")
    amounts = draw(seed)
    assert sum(amounts) > D(5_000_000)

    def award(application, amount):
        common = {"at": AT, "actor": tree.actor, "key": f"award:{application.pk}"}
        return lambda: services.reserve(application=application, amount=amount, **common)

    applications = tree.applications(200)
    results = at_once([award(*pair) for pair in zip(applications, amounts, strict=True)])
    refused = [(amount, each) for amount, each in zip(amounts, results, strict=True) if isinstance(each, Refused)]
    kept = [each for each in results if isinstance(each, LedgerEntry)]
    assert len(refused) + len(kept) == 200, {repr(each)[:300] for each in results if isinstance(each, Exception)}
    left = D(1_000_000) - sum(entry.amount for entry in kept)
    assert left >= 0
    for amount, refusal in refused:
        short = refusal.data["shortfalls"][0]
        assert "Il reste" in refusal.message
        assert short["name"] == "Axe 1"
        assert D(short["asked"]) == amount > D(short["left"]) >= left
    assert_books_agree(tree.leaf)


@pytest.mark.parametrize("seed", [6])
def test_200_simultaneous_inserts_without_the_service_spend_nothing_more(transactional_db, seed):
    tree = Tree("1000000.00")

    def insert(application, amount):
        fields = {"movement": "reserve", "credit_kind": "AE", "year": 2021, "occurred_at": AT}
        entry = LedgerEntry(
            envelope=tree.leaf, application=application, amount=amount, idempotency_key=make_key(), **fields
        )
        return lambda: LedgerEntry.objects.bulk_create([entry])

    results = at_once([insert(*pair) for pair in zip(tree.applications(200), draw(seed), strict=True)])
    refused = [each for each in results if isinstance(each, Exception)]
    assert {type(each) for each in refused} == {IntegrityError}, {repr(each)[:300] for each in refused}
    # For want of money alone, never because two drew the same number.
    assert {each.__cause__.diag.constraint_name for each in refused} == {"budget_balance_within_allocated"}
    assert 0 < len(refused) < 200
    assert_books_agree(tree.leaf)


def test_same_key_sent_50_times_at_once_gives_one_entry(transactional_db):
    tree = Tree("1000000.00")
    application = tree.application()
    common = {"at": AT, "actor": tree.actor, "key": "one-form"}
    results = at_once([lambda: services.reserve(application=application, amount=D(700_000), **common)] * 50)
    assert {getattr(each, "pk", each) for each in results} == {LedgerEntry.objects.get(movement="reserve").pk}
    assert_books_agree(tree.leaf)


def test_same_key_at_once_for_two_envelopes_serves_one(transactional_db):
    tree = Tree("1000000.00", "1000000.00")
    applications = [tree.application(0), tree.application(1)]
    for turn in range(5):
        common = {"at": AT, "actor": tree.actor, "key": f"one-form-{turn}", "amount": D(100)}
        calls = [
            lambda application=each, common=common: services.reserve(application=application, **common)
            for each in applications
        ]
        results = at_once(calls * 5)
        assert {type(each) for each in results} == {LedgerEntry, KeyReused}
        assert LedgerEntry.objects.filter(idempotency_key=f"one-form-{turn}").count() == 1
    total = sum(Balance.objects.get(pk=leaf.pk).reserved for leaf in tree.leaves)
    assert total == D(500)


def test_lists_on_the_same_envelopes_in_opposite_order_do_not_deadlock(transactional_db):
    tree = Tree("100000.00", "100000.00", "100000.00")

    def release_list(order):
        awards = [Award(tree.application(position), D(10), make_key()) for position in order]
        return lambda: services.reserve_many(awards=awards, at=AT, actor=tree.actor)

    results = at_once([release_list(order) for order in [(0, 1, 2), (2, 1, 0), (1, 2, 0)] * 12])
    assert all(isinstance(each, list) for each in results), [each for each in results if not isinstance(each, list)]
    assert [Balance.objects.get(pk=leaf.pk).reserved for leaf in tree.leaves] == [D(360)] * 3


def test_simultaneous_cancellations_give_back_once(transactional_db):
    tree = Tree("1000.00")
    common = {"at": AT, "actor": tree.actor}
    entry = services.reserve(application=tree.application(), amount=D(600), key=make_key(), **common)

    def release():
        return services.release(reservation=entry, key=make_key(), reason="désistement", **common)

    results = at_once([release] * 20)
    assert sum(isinstance(each, LedgerEntry) for each in results) == 1
    assert sum(isinstance(each, Refused) for each in results) == 19
    assert_books_agree(tree.leaf)


def test_payment_credits_opened_at_once_never_pass_what_the_call_may_pay(transactional_db):
    tree = Tree("1000.00", cp="400.00")
    common = {"envelope": tree.root, "year": 2021, "amount": D("300.00"), "at": AT, "actor": tree.actor}
    answers = at_once([lambda: services.open_payment_credits(key=make_key(), **common) for _ in range(12)])
    assert [type(row) for row in answers].count(LedgerEntry) == 2
    assert [type(row) for row in answers].count(Refused) == 10
    assert PaymentCredit.objects.get(envelope=tree.root, year=2021).opened == D("1000.00")


def test_read_committed_is_pinned(db):
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("read committed",)
    assert "default_transaction_isolation=read\\ committed" in connection.settings_dict["OPTIONS"]["options"]

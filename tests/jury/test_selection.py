"""Two passes that a jury replays by hand, and the referee."""

import random
from decimal import Decimal
from itertools import combinations

from jury.selection import SKIP, STOP, Floor, Item, referee, two_passes


def item(key, mean, amount):
    return Item(key, Decimal(str(mean)), Decimal(str(amount)))


ITEMS = [item("a", 18, 50), item("b", 16, 60), item("c", 14, 30), item("d", 12, 20), item("e", 10, 10)]


def test_skip_passes_over_what_does_not_fit():
    found = two_passes(ITEMS, Decimal(100), policy=SKIP)
    assert found.chosen == ("a", "c", "d")
    assert found.left == 0


def test_stop_ends_at_the_first_that_does_not_fit():
    found = two_passes(ITEMS, Decimal(100), policy=STOP)
    assert found.chosen == ("a",)
    assert found.left == 50


def test_floors_come_first_by_merit():
    floor = Floor("rural", "Rural", frozenset({"d", "e"}), 1)
    found = two_passes(ITEMS, Decimal(110), floors=[floor])
    assert found.chosen == ("a", "c", "d", "e")
    assert found.by_floor == {"d": "rural"}


def test_floor_that_cannot_be_met_is_named():
    floor = Floor("rural", "Rural", frozenset({"b"}), 1)
    assert two_passes(ITEMS, Decimal(55), floors=[floor]).missed == (floor,)


def test_never_spends_more_than_what_is_left():
    generator = random.Random(3)
    for _ in range(200):
        items = [item(number, generator.randrange(5, 20), generator.randrange(1, 90)) for number in range(12)]
        available = Decimal(generator.randrange(10, 300))
        for policy in (SKIP, STOP):
            found = two_passes(items, available, policy=policy)
            spent = sum(row.amount for row in items if row.key in found.chosen)
            assert spent + found.left == available
            assert found.left >= 0


def test_referee_finds_the_exact_optimum():
    generator = random.Random(7)
    items = [item(number, generator.randrange(5, 20), generator.randrange(1, 90)) for number in range(10)]
    available = Decimal(200)
    best = max(
        sum(row.mean * row.amount for row in subset)
        for size in range(11)
        for subset in combinations(items, size)
        if sum(row.amount for row in subset) <= available
    )
    selection = two_passes(items, available)
    worth = sum(row.mean * row.amount for row in items if row.key in selection.chosen)
    verdict = referee(items, available, selection=selection)
    assert verdict.is_feasible
    assert verdict.share_of_best == (worth / best).quantize(Decimal("0.0001"))


def test_referee_names_the_smallest_clash_of_floors():
    one = Floor("one", "Un", frozenset({"a"}), 1)
    two = Floor("two", "Deux", frozenset({"b"}), 1)
    three = Floor("three", "Trois", frozenset({"e"}), 1)
    floors = [one, two, three]
    selection = two_passes(ITEMS, Decimal(100), floors=floors)
    verdict = referee(ITEMS, Decimal(100), floors=floors, selection=selection)
    assert not verdict.is_feasible
    assert verdict.clash == (one, two)


def test_referee_gives_the_price_of_a_floor():
    items = [item("a", 18, 90), item("b", 10, 40)]
    floor = Floor("petit", "Petits", frozenset({"b"}), 1)
    selection = two_passes(items, Decimal(100), floors=[floor])
    verdict = referee(items, Decimal(100), floors=[floor], selection=selection)
    assert selection.chosen == ("b",)
    [price] = verdict.prices
    assert (price.gained, price.lost) == (("a",), ("b",))
    # 18 × 90 against 10 × 40, in points of mark out of 20 times euros.
    assert price.gain == (Decimal(1620) - Decimal(400)) / 20

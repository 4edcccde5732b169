"""Order of merit, ties by the call's rule, range when one mark is dropped."""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from jury.ranking import Candidate, Reading, rank, tie_rule, uncertain
from jury.scoring import CriterionSpec

GRID = [
    CriterionSpec("relevance", "Pertinence", 15),
    CriterionSpec("benefit", "Bénéfice", 25),
    CriterionSpec("pooling", "Mutualisation", 20),
]
FILED = datetime(2021, 3, 1, tzinfo=UTC)


def candidate(key, *totals, filed=0, marks=None, amount="1000"):
    readings = tuple(Reading(Decimal(str(total)), marks or {}) for total in totals)
    return Candidate(key, FILED + timedelta(days=filed), Decimal(amount), readings)


def order(rows, grid=GRID):
    return [row.key for row in rank(rows, grid)]


def test_higher_mean_comes_first():
    assert order([candidate("a", 10, 12), candidate("b", 14, 9)]) == ["b", "a"]


def test_equal_means_follow_benefit_then_pooling_then_filing():
    rows = [
        candidate("late", 12, filed=2, marks={"benefit": 3, "pooling": 3}),
        candidate("early", 12, filed=1, marks={"benefit": 3, "pooling": 3}),
        candidate("pooled", 12, filed=3, marks={"benefit": 3, "pooling": 4}),
        candidate("useful", 12, filed=4, marks={"benefit": 4, "pooling": 0}),
    ]
    assert order(rows) == ["useful", "pooled", "early", "late"]


def test_tie_rule_is_said_in_words():
    assert tie_rule(GRID).index("Bénéfice") < tie_rule(GRID).index("Mutualisation") < tie_rule(GRID).index("dépôt")


def test_means_are_compared_exactly_before_rounding():
    rows = [candidate("a", "12.01", "12.00", "12.00"), candidate("b", "12.00", "12.00", "12.00", filed=-5)]
    assert order(rows) == ["a", "b"]


def test_eliminatory_mean_sets_aside_behind_all_others():
    grid = [CriterionSpec("benefit", "Bénéfice", 25, eliminatory_below=2)]
    rows = rank([candidate("a", 18, 18, marks={"benefit": 1}), candidate("b", 5, marks={"benefit": 2})], grid)
    assert [row.key for row in rows] == ["b", "a"]
    assert rows[1].eliminated_by == ("Bénéfice",)


def test_no_opinion_on_an_eliminatory_criterion_eliminates_nobody():
    grid = [CriterionSpec("benefit", "Bénéfice", 25, eliminatory_below=2)]
    assert rank([candidate("a", 18, marks={"benefit": None})], grid)[0].eliminated_by == ()


def test_unmarked_dossier_comes_last_with_an_unknown_mean():
    rows = rank([candidate("a"), candidate("b", 1)], GRID)
    assert [row.key for row in rows] == ["b", "a"]
    assert (rows[1].mean, rows[1].best, rows[1].worst) == (None, None, None)


def test_range_is_where_the_dossier_would_stand_without_one_mark():
    rows = [candidate("a", 18, 18), candidate("b", 16, 16), candidate("c", 20, 10), candidate("d", 12, 12)]
    found = {row.key: row for row in rank(rows, GRID)}
    # c has 15: third. Without its 20 it has 10 and is last; without its 10 it has 20 and is first.
    assert (found["c"].rank, found["c"].best, found["c"].worst) == (3, 1, 4)
    assert (found["a"].best, found["a"].worst) == (1, 1)


def test_single_mark_has_no_range_and_is_uncertain():
    rows = rank([candidate("a", 18), candidate("b", 16, 16)], GRID)
    assert rows[0].best is None
    assert uncertain(rows, 1) == {"a"}


def test_agenda_is_what_one_mark_carries_over_the_line():
    rows = rank([candidate("a", 18, 18), candidate("b", 16, 16), candidate("c", 20, 10), candidate("d", 12, 12)], GRID)
    assert uncertain(rows, 2) == {"c"}


def test_same_input_in_any_order_gives_the_same_ranking():
    generator = random.Random(88)
    rows = [
        candidate(f"{number:03d}", *[generator.randrange(8, 20) for _ in range(3)], filed=number % 7)
        for number in range(120)
    ]
    first = rank(rows, GRID)
    for _ in range(5):
        generator.shuffle(rows)
        assert rank(rows, GRID) == first


def test_range_agrees_with_ranking_again_without_the_mark():
    generator = random.Random(5)
    rows = [
        candidate(f"{number:03d}", *[Decimal(generator.randrange(800, 2000)) / 100 for _ in range(3)], filed=number)
        for number in range(40)
    ]
    found = {row.key: row for row in rank(rows, GRID)}
    for number, row in enumerate(rows):
        ranks = []
        for dropped in range(3):
            readings = row.readings[:dropped] + row.readings[dropped + 1 :]
            others = [*rows[:number], Candidate(row.key, row.filed_at, row.amount, readings), *rows[number + 1 :]]
            ranks.append(next(item.rank for item in rank(others, GRID) if item.key == row.key))
        assert found[row.key].best <= min(ranks)
        assert found[row.key].worst >= max(ranks)
        assert found[row.key].best >= min([*ranks, found[row.key].rank]) - 1

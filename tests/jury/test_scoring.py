"""A criterion without opinion is never a zero: weights are renormalised over those marked."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from jury.scoring import CriterionSpec, total_of

GRID = [CriterionSpec("a", "A", 25), CriterionSpec("b", "B", 15), CriterionSpec("c", "C", 60)]


def test_total_is_the_weighted_share_of_twenty():
    found = total_of(GRID, {"a": 5, "b": 0, "c": 3}, 5)
    # (25×5 + 15×0 + 60×3) / (100×5) × 20
    assert found is not None
    assert found.value == Decimal("12.20")
    assert found.unmarked_share == 0


def test_total_without_opinion_renormalises_and_shows_the_gap():
    found = total_of(GRID, {"a": 5, "b": None, "c": None}, 5)
    assert found is not None
    assert found.value == Decimal("20.00")
    assert found.unmarked_share == Decimal("0.75")


def test_total_zero_is_a_mark_and_none_is_not():
    zero = total_of(GRID, {"a": 5, "b": 0, "c": 5}, 5)
    blank = total_of(GRID, {"a": 5, "b": None, "c": 5}, 5)
    assert zero is not None
    assert blank is not None
    assert zero.value < blank.value == Decimal("20.00")


def test_total_of_nothing_is_unknown():
    assert total_of(GRID, {"a": None}, 5) is None


def test_total_rounds_halves_upwards():
    grid = [CriterionSpec("a", "A", 1), CriterionSpec("b", "B", 799)]
    found = total_of(grid, {"a": 1, "b": 0}, 5)
    assert found is not None
    assert found.value == Decimal("0.01")


@given(st.dictionaries(st.sampled_from("abc"), st.one_of(st.none(), st.integers(0, 5)), min_size=1))
def test_total_stays_between_the_worst_and_the_best_mark(marks):
    found = total_of(GRID, marks, 5)
    given_marks = [mark for mark in marks.values() if mark is not None]
    if not given_marks:
        assert found is None
        return
    assert found is not None
    assert min(given_marks) * 4 - Decimal("0.01") <= found.value <= max(given_marks) * 4 + Decimal("0.01")

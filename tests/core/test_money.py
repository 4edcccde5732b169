"""Amounts as typed and as shown."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.money import AmountError, MoneyFormField, amount_text, euros, parse_euros


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("12 345,67", "12345.67"),
        ("12345.67", "12345.67"),
        ("1 000 €", "1000.00"),
        ("1\u202f000,5\u00a0€", "1000.50"),
        ("0", "0.00"),
    ],
)
def test_parse_euros_typed_in_french_is_read(typed, expected):
    assert parse_euros(typed) == Decimal(expected)


@pytest.mark.parametrize("typed", ["", "douze", "1,234", "12.345,67", "1e5", "NaN", "∞", "1000000000000", "--1"])
def test_parse_euros_unreadable_is_refused(typed):
    with pytest.raises(AmountError):
        parse_euros(typed)


@given(st.decimals(min_value=0, max_value=Decimal("999999999999.99"), places=2))
def test_euros_shown_then_typed_is_the_same_amount(amount):
    assert parse_euros(euros(amount)) == amount
    assert Decimal(amount_text(amount)) == amount


def test_euros_groups_thousands_and_marks_the_unknown():
    assert euros(Decimal("88000000")) == "88\u202f000\u202f000,00\u00a0€"
    assert euros(Decimal("-5")) == "−5,00\u00a0€"
    assert euros(None) == "—"


@pytest.mark.parametrize("typed", ["-5", "0", "1,234"])
def test_money_field_refuses_what_no_amount_can_be(typed):
    form_field = MoneyFormField()
    with pytest.raises(Exception, match=r"zéro|décimales"):
        form_field.clean(typed)

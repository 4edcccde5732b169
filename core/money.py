"""Euros: ``Decimal`` with two decimals, never a float."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms

NBSP = "\u00a0"
NNBSP = "\u202f"
CENT = Decimal("0.01")
LARGEST = Decimal("999999999999.99")


class AmountError(ValueError):
    """A typed amount that cannot be read; the message is the French sentence to show."""


def parse_euros(text: str) -> Decimal:
    """Reads an amount as typed in French: « 12 345,67 », « 12345.67 », « 1 000 € ».

    Raises AmountError for anything unreadable, with more than two decimals, or out of range. Never rounds.
    """
    cleaned = re.sub(r"[\s\u00a0\u202f€]", "", text).replace(",", ".")
    if not cleaned:
        raise AmountError("Indiquez un montant.")
    if not re.fullmatch(r"-?\d+(\.\d+)?", cleaned):
        raise AmountError("Indiquez un montant en chiffres, par exemple 12 500,00.")
    try:
        amount = Decimal(cleaned)
    except InvalidOperation as error:  # pragma: no cover - the pattern above admits only numbers
        raise AmountError("Indiquez un montant en chiffres, par exemple 12 500,00.") from error
    if "." in cleaned and len(cleaned.rsplit(".", 1)[1]) > 2:
        raise AmountError("Un montant en euros a deux décimales au plus.")
    if abs(amount) > LARGEST:
        raise AmountError("Ce montant est trop grand.")
    return amount.quantize(CENT)


def euros(amount: Decimal | int | None) -> str:
    """« 12 345,67 € », with the non-breaking spaces of French typography; an em dash where unknown."""
    if amount is None:
        return "—"
    quantized = Decimal(amount).quantize(CENT)
    sign = "−" if quantized < 0 else ""
    whole, cents = f"{abs(quantized):.2f}".split(".")
    groups = re.sub(r"(?<=\d)(?=(\d{3})+$)", NNBSP, whole)
    return f"{sign}{groups},{cents}{NBSP}€"


def amount_text(amount: Decimal) -> str:
    """The amount as exchanged between programs: « 12345.67 »."""
    return f"{Decimal(amount).quantize(CENT):.2f}"


class MoneyFormField(forms.Field):
    """An amount in euros as typed in French, two decimals at most; zero is refused when ``strictly_positive``."""

    widget = forms.TextInput

    def __init__(self, *, strictly_positive: bool = True, **kwargs: Any) -> None:
        self.strictly_positive = strictly_positive
        super().__init__(**kwargs)
        self.widget.attrs.setdefault("inputmode", "decimal")
        self.widget.attrs.setdefault("autocomplete", "off")

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, Decimal):
            return euros(value).replace(f"{NBSP}€", "")
        return value

    def to_python(self, value: Any) -> Decimal | None:
        if value in self.empty_values:
            return None
        if isinstance(value, Decimal):
            return value
        try:
            amount = parse_euros(str(value))
        except AmountError as error:
            raise forms.ValidationError([*self._of_the_sign(str(value)), str(error)]) from error
        if amount < 0 or (self.strictly_positive and amount == 0):
            raise forms.ValidationError(self._floor)
        return amount

    @property
    def _floor(self) -> str:
        return (
            "Le montant doit être supérieur à zéro."
            if self.strictly_positive
            else f"Indiquez un montant de 0{NBSP}€ ou plus."
        )

    def _of_the_sign(self, typed: str) -> list[str]:
        """What else is wrong with a negative amount that cannot be read for another reason: both are said at once."""
        is_negative = re.match(r"[\s\u00a0\u202f]*[-−]\s*\d", typed) is not None
        return [self._floor] if is_negative else []

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return self.to_python(initial) != self.to_python(data)
        except forms.ValidationError:
            return True

"""Forms of the budget pages."""

from typing import Any

from django import forms

from core.forms import IdempotencyField
from core.money import MoneyFormField

FIRST_YEAR, LAST_YEAR = 2020, 2050
YEAR_OUT = f"Indiquez une année entre {FIRST_YEAR} et {LAST_YEAR}, en quatre chiffres."


class TreeFilters(forms.Form):
    """Finds a département among the envelopes."""

    departement = forms.CharField(label="Département ou enveloppe", required=False, max_length=60)


class PaymentCreditsForm(forms.Form):
    """Opens payment credits of a year."""

    year = forms.IntegerField(
        label="Année",
        min_value=FIRST_YEAR,
        max_value=LAST_YEAR,
        error_messages={"min_value": YEAR_OUT, "max_value": YEAR_OUT, "invalid": YEAR_OUT},
    )
    amount = MoneyFormField(label="Montant à ouvrir")
    reason = forms.CharField(
        label="Motif ou référence", max_length=250, help_text="Par exemple : loi de finances, arrêté de report…"
    )
    idempotency_key = IdempotencyField()

    def __init__(self, *args: Any, year: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if year is not None:
            self.fields["year"].initial = year

"""Forms of the budget pages."""

from typing import Any

from django import forms

from core.forms import IdempotencyField
from core.money import MoneyFormField


class TreeFilters(forms.Form):
    """Finds a département among the envelopes."""

    departement = forms.CharField(label="Département ou enveloppe", required=False, max_length=60)


class PaymentCreditsForm(forms.Form):
    """Opens payment credits of a year."""

    year = forms.IntegerField(label="Année", min_value=2020, max_value=2050)
    amount = MoneyFormField(label="Montant à ouvrir, en euros")
    reason = forms.CharField(
        label="Motif ou référence", max_length=250, help_text="Par exemple : loi de finances, arrêté de report…"
    )
    idempotency_key = IdempotencyField()

    def __init__(self, *args: Any, year: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if year is not None:
            self.fields["year"].initial = year

"""Forms of the budget pages."""

from datetime import date
from typing import Any

from django import forms

from core.forms import IdempotencyField
from core.money import MoneyFormField

# Credits are voted a year at a time, and programmed for a few: any other year is a slip of the keys.
YEARS_AHEAD = 5


class TreeFilters(forms.Form):
    """Finds a département among the envelopes."""

    departement = forms.CharField(label="Département ou enveloppe", required=False, max_length=60)


class PaymentCreditsForm(forms.Form):
    """Opens payment credits of a year."""

    year = forms.IntegerField(label="Année")
    amount = MoneyFormField(label="Montant à ouvrir")
    reason = forms.CharField(
        label="Motif ou référence", max_length=250, help_text="Par exemple : loi de finances, arrêté de report…"
    )
    idempotency_key = IdempotencyField()

    def __init__(self, *args: Any, first: int, today: date, **kwargs: Any) -> None:
        """``first``: the year in which the call opened, before which it pays nothing."""
        super().__init__(*args, **kwargs)
        self.first, self.last = first, max(first, today.year) + YEARS_AHEAD
        self.fields["year"].initial = max(first, today.year)
        self.fields["year"].error_messages["invalid"] = self._year_out()

    def _year_out(self) -> str:
        return f"Indiquez une année entre {self.first} et {self.last}, en quatre chiffres."

    def clean_year(self) -> int:
        year: int = self.cleaned_data["year"]
        if not self.first <= year <= self.last:
            raise forms.ValidationError(self._year_out())
        return year

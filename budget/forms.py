"""Forms of the budget pages."""

from decimal import Decimal
from typing import Any

from django import forms

from budget.models import Envelope, LedgerEntry
from budget.queries import payable_in
from core.forms import IdempotencyField
from core.money import MoneyFormField, euros


class TreeFilters(forms.Form):
    """Finds a département among the envelopes."""

    departement = forms.CharField(label="Département ou enveloppe", required=False, max_length=60)


class PaymentCreditsForm(forms.Form):
    """Opens payment credits of a year. ``root`` is the envelope of the whole call."""

    year = forms.IntegerField(label="Année", min_value=2020, max_value=2050)
    amount = MoneyFormField(label="Montant à ouvrir, en euros")
    reason = forms.CharField(
        label="Motif ou référence", max_length=250, help_text="Par exemple : loi de finances, arrêté de report…"
    )
    idempotency_key = IdempotencyField()

    def __init__(self, *args: Any, root: Envelope, year: int | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.root = root
        if year is not None:
            self.fields["year"].initial = year

    @property
    def key(self) -> str:
        """The key of the entry that this form writes."""
        return f"credits:{self.cleaned_data.get('idempotency_key', '')}"

    def clean(self) -> dict[str, Any]:
        """Never more than what the call may still pay: its commitment authorisations, less what other years paid."""
        cleaned = super().clean() or {}
        # The same form sent twice is answered by the ledger, which knows its key.
        is_replay = LedgerEntry.objects.filter(idempotency_key=self.key).exists()
        if "year" in cleaned and "amount" in cleaned and not is_replay:
            room = payable_in(self.root, cleaned["year"])
            if cleaned["amount"] > room:
                self.add_error(
                    "amount",
                    f"Il reste au plus {euros(max(room, Decimal(0)))} à ouvrir pour {cleaned['year']} : les crédits de "
                    "paiement ne dépassent pas l’enveloppe de l’appel, moins ce qui est déjà versé ou déjà ouvert.",
                )
        return cleaned

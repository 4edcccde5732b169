"""Axes, their sessions and grids in the administration: what dossiers stand on does not move under them."""

from decimal import Decimal
from typing import Any

from django import forms
from django.forms import BaseInlineFormSet, ModelForm

from calls import bounds
from calls.models import Axis, Call, ScoringGrid, Session
from core.money import euros

# What says which envelope pays a dossier, and when one files it.
HELD_BY_DOSSIERS = ("rhythm", "is_territorial", "funded_from")


def has_dossiers(axis: Axis) -> bool:
    """Whether somebody has begun a dossier on this axis."""
    return axis.applications.exists()


class AxisForm(ModelForm):
    """An axis spends its own envelope, or that of another axis of its call which has one."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        # The call is a field of a new axis only.
        call = cleaned.get("call") or (self.instance.call if self.instance.call_id else None)
        if (payer := cleaned.get("funded_from")) is not None and call is not None:
            self._check_payer(payer, call)
        if (amount := cleaned.get("announced_amount")) is not None and call is not None:
            others = call.axes.exclude(pk=self.instance.pk).values_list("announced_amount", flat=True)
            if told := beyond(call.announced_amount, [amount, *others]):
                self.add_error("announced_amount", told)
        return cleaned

    def _check_payer(self, payer: Axis, call: Call) -> None:
        if payer.pk == self.instance.pk:
            told = "Un axe ne se finance pas sur lui-même\u00a0: laissez ce champ vide."
        elif payer.call_id != call.pk or payer.funded_from_id is not None or payer.announced_amount is None:
            told = "Choisissez un axe de cet appel qui a sa propre enveloppe."
        elif self.instance.pk is not None and Axis.objects.filter(funded_from=self.instance).exists():
            told = "Un autre axe se finance sur celui-ci, qui garde donc sa propre enveloppe."
        else:
            return
        self.add_error("funded_from", told)


class AxesFormSet(BaseInlineFormSet):
    """All the axes of a call, with its own form."""

    def clean(self) -> None:
        super().clean()
        amounts = [form.cleaned_data.get("announced_amount") for form in self.forms if hasattr(form, "cleaned_data")]
        if told := beyond(self.instance.announced_amount, amounts):
            raise forms.ValidationError(told)


def beyond(announced: Decimal | None, amounts: list[Decimal | None]) -> str:
    """What is wrong with the amounts, in euros, announced for the axes of a call; empty when they hold in its own."""
    total = sum((amount for amount in amounts if amount is not None), Decimal(0))
    if announced is None or total <= announced:
        return ""
    return f"Les montants annoncés pour les axes font {euros(total)}, plus que les {euros(announced)} de l’appel."


class SessionForm(ModelForm):
    """A session that is over stays over: decisions rest on who had filed by then."""

    def clean_closes_at(self) -> Any:
        asked = self.cleaned_data["closes_at"]
        stored = Session.objects.filter(pk=self.instance.pk).values_list("closes_at", flat=True).first()
        bounds.closing_moves(stored, asked)
        return asked


class ScoringGridForm(ModelForm):
    """Versions follow each other: the latest is the one by which the next jury marks."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        axis, version = cleaned.get("axis"), cleaned.get("version")
        if axis is not None and version is not None and self.instance.pk is None:
            last = ScoringGrid.objects.filter(axis=axis).order_by("-version").values_list("version", flat=True).first()
            if version != (last or 0) + 1:
                self.add_error("version", f"La prochaine version de cet axe est la n°\u00a0{(last or 0) + 1}.")
        return cleaned


class CriteriaFormSet(BaseInlineFormSet):
    """A grid is never changed: without a criterion, the next jury would have nothing to mark."""

    def clean(self) -> None:
        super().clean()
        if not any(form.cleaned_data.get("code") for form in self.forms if hasattr(form, "cleaned_data")):
            raise forms.ValidationError("Ajoutez au moins un critère\u00a0: une grille ne se modifie plus ensuite.")

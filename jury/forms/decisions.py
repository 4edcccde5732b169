"""The decision list: title, one decision, cancelling, releasing."""

from typing import Any

from django import forms

from accounts.act_forms import ConfirmedActForm
from calls.models import Axis
from core.forms import IdempotencyField, VersionField
from core.money import NBSP, MoneyFormField, euros
from jury.enums import Outcome
from jury.forms.base import OUTCOMES_TOLD, RefusableForm, textarea
from jury.models import Decision, Opinion


class ListForm(RefusableForm):
    title = forms.CharField(
        label="Intitulé de la liste", help_text="Exemple : « Lauréats de la première relève ».", max_length=200
    )


class WaitingListForm(ListForm):
    """Dossiers of the waiting list to be awarded, in its order."""

    applications = forms.MultipleChoiceField(
        label="Dossiers de la liste d’attente", widget=forms.CheckboxSelectMultiple
    )
    motive = forms.CharField(
        label="Motif, si vous ne suivez pas l’ordre",
        help_text="Envoyé aux collectivités retenues. Obligatoire si un dossier mieux placé n’est pas retenu.",
        widget=textarea(3),
        required=False,
        max_length=3000,
    )

    def __init__(self, *args: Any, opinions: list[Opinion], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["applications"].choices = [  # type: ignore[attr-defined]
            (
                str(row.application_id),
                f"{position}. {row.application.number} – {row.application.organisation.name}{NBSP}: "
                f"{euros(row.application.amount_requested)} demandés",
            )
            for position, row in enumerate(opinions, start=1)
        ]


class DecisionForm(RefusableForm):
    outcome = forms.ChoiceField(label="Décision", widget=forms.RadioSelect, help_text=OUTCOMES_TOLD)
    amount = MoneyFormField(label="Montant accordé", help_text="Seulement pour un dossier retenu.", required=False)
    redirected_to = forms.ModelChoiceField(
        label="Guichet vers lequel réorienter",
        help_text="Seulement pour une réorientation.",
        queryset=Axis.objects.none(),
        empty_label="Choisir",
        required=False,
    )
    motive = forms.CharField(
        label="Motif",
        help_text="Envoyé à la collectivité. Obligatoire si le dossier n’est pas retenu, ou si la décision s’écarte "
        "de l’avis du jury.",
        widget=textarea(4),
        required=False,
        max_length=3000,
    )
    version = VersionField()

    def __init__(self, *args: Any, decision: Decision, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        axis = decision.decision_list.deliberation.jury.session.axis
        outcomes = [
            (value, label.capitalize())
            for value, label in Outcome.choices
            if value != Outcome.WAITLISTED or axis.call.has_waiting_list
        ]
        self.fields["outcome"].choices = outcomes  # type: ignore[attr-defined]
        others = Axis.objects.filter(call_id=axis.call_id).exclude(pk=axis.pk).order_by("position")
        self.fields["redirected_to"].queryset = others  # type: ignore[attr-defined]
        self.initial.update(
            outcome=decision.outcome,
            amount=decision.amount_granted or decision.application.amount_requested,
            redirected_to=decision.redirected_to_id,
            motive=decision.motive,
            version=decision.decision_list.version,
        )


class RemoveForm(RefusableForm):
    reason = forms.CharField(
        label="Motif", help_text="Exemple : « retiré par la collectivité ».", widget=textarea(3), max_length=1000
    )
    version = VersionField()


class CancelForm(RefusableForm):
    reason = forms.CharField(label="Motif de l’annulation", widget=textarea(3), max_length=1000)


class SendBackForm(RefusableForm):
    reason = forms.CharField(
        label="Ce qui est à revoir",
        help_text="Affiché sur la liste, pour la personne qui la prépare, et gardé au journal.",
        widget=textarea(4),
        max_length=1000,
    )
    version = VersionField()


class ReleaseForm(ConfirmedActForm):
    """The second factor, bound to the very list whose SHA-256 was shown."""

    shown = forms.CharField(max_length=64, widget=forms.HiddenInput)
    idempotency_key = IdempotencyField()

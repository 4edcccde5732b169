"""Forms of this room."""

from typing import Any

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Layout
from django import forms
from django.urls import reverse

from core.crispy import Actions, CancelLink, Submit
from core.forms import IdempotencyField
from territories.enums import AffiliationRole
from territories.models import REASON_LENGTH


class AffiliationReasonForm(forms.Form):
    """Why a request is refused or an affiliation ended."""

    reason = forms.CharField(
        label="Motif",
        max_length=REASON_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="La personne le lira.",
        error_messages={"required": "Indiquez le motif\u00a0: la personne le lira."},
    )


class AffiliationRequestForm(forms.Form):
    """Ask to act for the authority shown above the form."""

    qui = forms.CharField(widget=forms.HiddenInput)
    role = forms.ChoiceField(
        label="Votre rôle",
        choices=[
            (AffiliationRole.CONTRIBUTOR.value, "Je prépare les dossiers"),
            (AffiliationRole.LEGAL_REPRESENTATIVE.value, "Je suis le représentant légal, ou mandaté par lui"),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Dites quel est votre rôle."},
        help_text="Le représentant légal signe la convention. Qui prépare un dossier le dépose, s’il y est mandaté.",
    )
    idempotency_key = IdempotencyField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.helper = FormHelper()
        self.helper.layout = Layout(
            "qui",
            "idempotency_key",
            "role",
            Actions(Submit("Demander mon rattachement"), CancelLink(reverse("affiliation_home"))),
        )

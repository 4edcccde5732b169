"""Starting, joining documents, filing, answering, withdrawing."""

from typing import Any

from django import forms

from applications.enums import AttachmentKind
from core.forms import IdempotencyField
from core.uploads import ACCEPT


class StartForm(forms.Form):
    """What one chooses on the page: a session, and for whom (« qui », one reference per authority)."""

    session = forms.IntegerField(widget=forms.HiddenInput)


class AttachmentForm(forms.Form):
    """One document at a time; its type is read from its bytes by ``core.uploads``."""

    kind = forms.ChoiceField(label="Nature de la pièce", choices=[("", "Choisissez"), *AttachmentKind.choices])
    file = forms.FileField(label="Fichier", allow_empty_file=True, widget=forms.FileInput(attrs={"accept": ACCEPT}))


class SubmitForm(forms.Form):
    """The sworn statement (arrêté du 21 août 2018), then the filing.

    ``shown`` is the SHA-256 of the dossier as the page showed it: the statement covers that content and no other.
    """

    idempotency_key = IdempotencyField()
    shown = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    sworn_as = forms.ChoiceField(
        label="À quel titre déposez-vous ce dossier\u00a0?",
        choices=[
            ("representative", "Je suis le représentant légal de la collectivité."),
            ("mandated", "Je suis mandaté par le représentant légal pour déposer cette demande."),
        ],
        widget=forms.RadioSelect,
        error_messages={"required": "Dites à quel titre vous déposez ce dossier."},
    )
    sworn = forms.BooleanField(
        label="J’atteste sur l’honneur que les informations de ce dossier sont exactes, que la collectivité est à jour "
        "de ses obligations et que le projet n’a pas commencé.",
        error_messages={"required": "Cochez l’attestation pour pouvoir déposer le dossier."},
    )


class WithdrawForm(forms.Form):
    reason = forms.CharField(
        label="Motif",
        required=False,
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Facultatif.",
    )
    confirmed = forms.BooleanField(
        label="Je confirme. C’est définitif.",
        error_messages={"required": "Cochez la case pour confirmer le retrait."},
    )


class MessageForm(forms.Form):
    body = forms.CharField(
        label="Votre message",
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 5}),
        error_messages={"required": "Écrivez votre message."},
    )


class CompletionAnswerForm(forms.Form):
    message = forms.CharField(
        label="Votre réponse",
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Une phrase suffit\u00a0: «\u00a0La délibération du 12 mars est jointe.\u00a0»",
        error_messages={"required": "Écrivez en une phrase ce que vous avez ajouté ou corrigé."},
    )


def upload_of(form: AttachmentForm) -> dict[str, Any]:
    """The arguments of ``add_attachment`` that the form gives."""
    sent = form.cleaned_data["file"]
    return {"kind": form.cleaned_data["kind"], "name": sent.name, "content": sent.read()}

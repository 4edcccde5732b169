"""What people type about a convention."""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import RegexValidator

from accounts.act_forms import ConfirmedActForm
from conventions.enums import ConventionState
from conventions.models import Repayment
from conventions.services.signing import NAMELESS, bears_name
from conventions.waiting import Work
from core.forms import IdempotencyField
from core.money import NBSP, MoneyFormField
from core.signing.verify import MAX_SIZE
from core.uploads import ACCEPT
from core.widgets import DateInput

WITHOUT_WORD = re.compile(r"\d{4}-\d+")
NUMBER = RegexValidator(r"^[A-Z]+-\d{4}-\d+$", "Un numéro s’écrit par exemple CONV-2021-00042.")
# U+2011 is the dash that does not break, U+2012 to U+2015 the longer ones.
SEPARATORS = re.compile(r"[\s\-\u2010-\u2015.,/_]+")


class NumberField(forms.CharField):
    """A convention's number as people copy it: in small letters, with spaces or another dash, without its first word."""

    default_validators = [NUMBER]

    def to_python(self, value: Any) -> str:
        number = SEPARATORS.sub("-", str(super().to_python(value)).upper()).strip("-")
        return f"CONV-{number}" if WITHOUT_WORD.fullmatch(number) else number


class NumberForm(forms.Form):
    """The number and the code, as printed at the foot of each page."""

    keeps_nothing = True
    numero = NumberField(
        label="Numéro de la convention",
        max_length=40,
        help_text="Par exemple CONV-2021-00042.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    code = forms.CharField(
        label="Code de vérification",
        max_length=20,
        help_text="Douze lettres ou chiffres imprimés au bas de chaque page, par exemple ABCD-2345-WXYZ.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class CodeForm(forms.Form):
    """The code alone, when the number is in the address."""

    keeps_nothing = True
    code = NumberForm.base_fields["code"]


class UploadForm(forms.Form):
    """A document to judge. Nothing is kept of it."""

    keeps_nothing = True
    file = forms.FileField(
        label="Le fichier PDF",
        help_text="Le fichier est examiné, puis oublié : il n’est ni conservé ni transmis.",
        widget=forms.ClearableFileInput(attrs={"accept": ".pdf"}),
        error_messages={
            "empty": "Ce fichier est vide.",
            "required": "Choisissez le fichier à vérifier.",
            "missing": "Choisissez le fichier à vérifier.",
        },
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].max_bytes = MAX_SIZE  # type: ignore[attr-defined]

    def clean_file(self) -> UploadedFile:
        file: UploadedFile = self.cleaned_data["file"]
        if file.size is not None and file.size > MAX_SIZE:
            raise forms.ValidationError(
                f"Ce fichier dépasse {MAX_SIZE // (1024 * 1024)}{NBSP}Mo : aucun de nos documents n’est si gros."
            )
        return file


class ConventionFilters(forms.Form):
    """Everything optional; what cannot be read is ignored."""

    q = forms.CharField(
        label="Recherche",
        required=False,
        max_length=100,
        help_text="Numéro, collectivité ou projet",
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )
    etat = forms.ChoiceField(
        label="État",
        required=False,
        choices=[("", "Tous"), *((code, label[:1].upper() + label[1:]) for code, label in ConventionState.choices)],
    )

    attente = forms.ChoiceField(label="À suivre", required=False)

    def __init__(self, *args: Any, works: Sequence[Work] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if works:
            choices = [("", "Toutes les conventions"), *((work.code, work.label) for work in works)]
            self.fields["attente"].choices = choices  # type: ignore[attr-defined]
        else:
            del self.fields["attente"]

    def wanted(self) -> dict[str, str]:
        """The filters that were given and can be read."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class SignForm(ConfirmedActForm):
    """The person's will to sign the very bytes whose SHA-256 was shown."""

    shown = forms.CharField(max_length=64, widget=forms.HiddenInput)
    key = IdempotencyField()
    has_read = forms.BooleanField(
        label="J’ai lu la convention et ses annexes",
        error_messages={"required": "Lisez la convention, puis cochez cette case."},
    )

    field_order = ("has_read", "confirmation_code", "confirmation_credential", "shown", "key")

    def clean(self) -> dict[str, Any]:
        """What stops the signature whatever the code is said before the code is spent."""
        if not bears_name(self.user):
            raise forms.ValidationError(NAMELESS)
        return super().clean() or {}


class PaymentForm(forms.Form):
    """What the payment's own system says: nothing is paid from here."""

    service_done_on = forms.DateField(
        label="Service fait constaté le", help_text="Au plus tôt le jour de la dernière signature.", widget=DateInput
    )
    paid_on = forms.DateField(label="Versé le", help_text="Cette date désigne l’exercice budgétaire.", widget=DateInput)
    reference = forms.CharField(
        label="Numéro de la demande de paiement",
        help_text="Tel qu’il figure dans Chorus, 40 caractères au plus : lettres, chiffres, espaces et signes - / . _",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class ConfirmPaymentForm(ConfirmedActForm):
    """The officer's confirmation of the payment shown."""

    key = IdempotencyField()


class ReportForm(forms.Form):
    """What was done and spent since the start of the project."""

    is_final = forms.TypedChoiceField(
        label="Ce compte rendu est",
        choices=[("non", "un point d’avancement"), ("oui", "le compte rendu final : le projet est achevé")],
        coerce=lambda value: value == "oui",
        widget=forms.RadioSelect,
        initial="non",
    )
    body = forms.CharField(
        label="Ce qui a été réalisé",
        max_length=6000,
        help_text="Réalisations, difficultés, valeur des indicateurs de l’annexe 3.",
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    spent = MoneyFormField(
        label="Dépenses réalisées depuis le début du projet",
        strictly_positive=False,
        help_text="Sur la même base (HT ou TTC) que la convention.",
    )
    file = forms.FileField(
        label="Pièce jointe (facultative)",
        required=False,
        help_text="Par exemple l’état récapitulatif des dépenses, certifié par le comptable public.",
        widget=forms.ClearableFileInput(attrs={"accept": ACCEPT}),
        error_messages={"empty": "Ce fichier est vide."},
    )
    key = IdempotencyField()


class NoticeForm(forms.Form):
    """What is intended, and why: the beneficiary reads it word for word."""

    ground = forms.ChoiceField(
        label="Cas prévu par le décret n° 2018-514, article 14",
        choices=Repayment.Ground.choices,
        widget=forms.RadioSelect,
    )
    amount = MoneyFormField(label="Montant envisagé")
    reason = forms.CharField(
        label="Motif",
        max_length=3000,
        help_text="Les faits, les articles de la convention en cause : la collectivité lira ce texte.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    answer_due_on = forms.DateField(
        label="Réponse attendue jusqu’au", help_text="Au moins un mois après aujourd’hui.", widget=DateInput
    )
    key = IdempotencyField()


class ObservationsForm(forms.Form):
    """The beneficiary's side of the matter."""

    answer = forms.CharField(
        label="Vos observations",
        max_length=6000,
        help_text="Elles sont lues avant toute décision, qui peut suivre aussitôt\u00a0: une fois envoyées, elles ne se "
        "complètent plus ici. Prenez le temps qui vous est laissé\u00a0; pour être entendu, écrivez d’abord au service.",
        widget=forms.Textarea(attrs={"rows": 8}),
    )
    key = IdempotencyField()


class RepaymentDecisionForm(forms.Form):
    """What is decided once the other side was heard."""

    amount = MoneyFormField(
        label="Montant à reverser", strictly_positive=False, help_text="Zéro pour renoncer au reversement."
    )
    reason = forms.CharField(
        label="Motif de la décision",
        max_length=3000,
        help_text="Il répond aux observations reçues : la collectivité lira ce texte.",
        widget=forms.Textarea(attrs={"rows": 6}),
    )

    def __init__(self, *args: Any, gives_up: bool = False, **kwargs: Any) -> None:
        """``gives_up``: the other side is not heard yet, nothing but zero may be decided."""
        super().__init__(*args, **kwargs)
        if gives_up:
            self.fields["amount"].disabled = True
            self.initial["amount"] = Decimal(0)
            self.fields[
                "amount"
            ].help_text = "La collectivité n’est pas encore entendue : vous pouvez seulement renoncer."
            self.fields["reason"].help_text = "La collectivité lira ce texte."

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        # Line ends travel as the browser sends them: the text confirmed is the text decided.
        if "reason" in cleaned:
            cleaned["reason"] = "\n".join(cleaned["reason"].splitlines())
        return cleaned


class ConfirmRepaymentForm(ConfirmPaymentForm):
    """The officer's confirmation of the decision shown, which it carries from the page that was read to the act. Never
    in the address: a reason is too long for one, and no server log may keep it."""

    amount = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(widget=forms.HiddenInput)


class ReturnForm(forms.Form):
    """The money came back."""

    received_on = forms.DateField(label="Encaissé le", widget=DateInput)
    reference = forms.CharField(label="Référence de l’encaissement", max_length=40)
    key = IdempotencyField()

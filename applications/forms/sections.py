"""One page per section of the dossier: its form and its sets of lines."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.forms.formsets import BaseFormSet, formset_factory

from applications.bank import read_bic, read_iban
from applications.completeness import REQUIRED
from applications.enums import FundingKind, FundingStatus, TaxBasis
from applications.models import Application, CostLine
from applications.rules import answers_by_code, asks_prior_authorisation
from applications.sections import fault_of_dates
from calls.enums import CostCategory, CostNature, QuestionKind
from calls.models import Question, RulesVersion
from core.errors import Refused
from core.forms import VersionField, read_phone
from core.money import MoneyFormField
from core.widgets import DateInput, MoneyInput
from territories.sirets import compact, validate_siret

MOST_ROWS = 100
REQUIRED_COLUMNS = frozenset(name for name, _, _ in REQUIRED)
YES_NO = [("oui", "Oui"), ("non", "Non")]


def _checked(reader: Any, value: str) -> str:
    if not value:
        return ""
    try:
        return str(reader(value))
    except Refused as refusal:
        raise forms.ValidationError(refusal.message) from refusal


class DraftFields:
    """A form of the draft: nothing typed is cut, and what may stay empty for good says so.

    The page says once that all the rest must be filled before the filing (``completeness``), not before a save.
    """

    fields: dict[str, forms.Field]

    def say_optional(self, may_stay_empty: Callable[[str], bool]) -> None:
        """Marks the visible fields whose name ``may_stay_empty`` accepts; a box to tick is a choice already."""
        for name, shown in self.fields.items():
            # A browser cuts a text pasted too long without a word: the server refuses it, and shows it again whole.
            shown.widget.attrs.pop("maxlength", None)
            shown.is_told_above = True  # type: ignore[attr-defined]
            is_box = isinstance(shown, forms.BooleanField)
            shown.is_optional = not is_box and may_stay_empty(name)  # type: ignore[attr-defined]


class SectionForm(DraftFields, forms.ModelForm):
    """Fields of a draft: everything may stay empty until the filing; what is typed must be right."""

    version = VersionField(required=False)

    class Meta:
        model = Application
        fields: list[str] = []

    def __init__(self, *args: Any, rules: RulesVersion, **kwargs: Any) -> None:
        self.rules = rules
        super().__init__(*args, **kwargs)
        self.initial["version"] = self.instance.version
        self.say_optional(self.may_stay_empty)

    def may_stay_empty(self, name: str) -> bool:
        """Whether the dossier may be filed without this field."""
        asks_theme = name == "theme" and self.instance.axis.themes.exists()
        return name not in REQUIRED_COLUMNS and not asks_theme

    def values(self) -> dict[str, Any]:
        """What the service writes: the columns of the section."""
        return {name: self.cleaned_data[name] for name in self._meta.fields or () if name in self.cleaned_data}


class OrganisationForm(SectionForm):
    iban = forms.CharField(
        label="IBAN", required=False, max_length=50, help_text="Il figure sur votre relevé d’identité bancaire."
    )
    siret = forms.CharField(
        label="SIRET",
        required=False,
        max_length=30,
        help_text="14 chiffres\u00a0: celui de l’établissement qui recevra l’aide.",
    )
    bic = forms.CharField(label="BIC", required=False, max_length=20, help_text="8 ou 11 caractères.")

    class Meta(SectionForm.Meta):
        fields = [
            "siret",
            "seat_address",
            "representative_name",
            "representative_title",
            "representative_email",
            "contact_name",
            "contact_email",
            "contact_phone",
            "bank_holder",
            "iban",
            "bic",
        ]
        labels = {
            "representative_name": "Nom et prénom du représentant légal",
            "representative_title": "Sa qualité",
            "representative_email": "Son courriel",
            "contact_name": "Nom et prénom de la personne à contacter",
            "contact_email": "Son courriel",
            "contact_phone": "Son téléphone",
        }
        help_texts = {
            "seat_address": "Numéro, voie, code postal et commune, comme elle paraîtra dans la convention.",
            "representative_title": "Maire, présidente, directeur général…",
            "representative_email": "La convention lui sera envoyée à cette adresse pour signature.",
            "contact_name": "La personne que nous appellerons en cas de question.",
            "bank_holder": "Souvent le service de gestion comptable dont vous dépendez.",
        }

    def clean_siret(self) -> str:
        digits = compact(self.cleaned_data["siret"])
        if digits:
            validate_siret(digits)
        return digits

    def clean_contact_phone(self) -> str:
        return read_phone(self.cleaned_data["contact_phone"])

    def clean_iban(self) -> str:
        return _checked(read_iban, self.cleaned_data["iban"])

    def clean_bic(self) -> str:
        return _checked(read_bic, self.cleaned_data["bic"])


class ProjectForm(SectionForm):
    has_prior_authorisation = forms.TypedChoiceField(
        label="Avez-vous obtenu l’habilitation préalable (FranceConnect ou API)\u00a0?",
        choices=YES_NO,
        coerce=lambda value: value == "oui",
        empty_value=None,
        required=False,
        widget=forms.RadioSelect,
    )

    class Meta(SectionForm.Meta):
        fields = ["title", "theme", "summary", "place", "has_prior_authorisation"]
        widgets = {"summary": forms.Textarea(attrs={"rows": 8})}
        help_texts = {
            "title": "Une ligne\u00a0: ce que verront le jury et les habitants.",
            "summary": "Ce que vous voulez faire, pour qui, et ce que cela changera. Quelques paragraphes suffisent.",
            "place": "La commune ou le territoire où le projet se déroule.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["theme"].queryset = self.instance.axis.themes.order_by("id")  # type: ignore[attr-defined]
        self.fields["theme"].empty_label = "Choisissez un thème"  # type: ignore[attr-defined]
        given = self.instance.has_prior_authorisation
        self.initial["has_prior_authorisation"] = None if given is None else ("oui" if given else "non")
        if not asks_prior_authorisation(self.instance, self.rules):
            del self.fields["has_prior_authorisation"]

    def may_stay_empty(self, name: str) -> bool:
        return name != "has_prior_authorisation" and super().may_stay_empty(name)


class CostsForm(SectionForm):
    tax_basis = forms.ChoiceField(
        label="Vos montants sont",
        choices=TaxBasis.choices,
        required=False,
        widget=forms.RadioSelect,
        help_text="Si vous récupérez la TVA sur ces dépenses, indiquez-les hors taxes\u00a0; "
        "sinon, toutes taxes comprises.",
    )

    class Meta(SectionForm.Meta):
        fields = ["tax_basis"]


class FundingForm(SectionForm):
    amount_requested = MoneyFormField(label="Aide demandée à cet appel", required=False, widget=MoneyInput)

    class Meta(SectionForm.Meta):
        fields = ["amount_requested", "own_share_derogation"]
        labels = {"own_share_derogation": "Dérogation à la participation minimale de 20\u00a0%"}
        widgets = {"own_share_derogation": forms.Textarea(attrs={"rows": 3})}
        help_texts = {
            "own_share_derogation": "Seulement si vous en avez une\u00a0: citez l’arrêté du préfet et sa date. "
            "Laissez vide sinon."
        }


class CalendarForm(SectionForm):
    class Meta(SectionForm.Meta):
        fields = ["starts_on", "ends_on", "first_commitment_on"]
        widgets = {"starts_on": DateInput, "ends_on": DateInput, "first_commitment_on": DateInput}
        help_texts = {
            "first_commitment_on": "La date du premier bon de commande ou marché signé, s’il est déjà prévu. "
            "Il ne peut pas précéder le dépôt de votre demande."
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        fault, field = fault_of_dates(cleaned.get("starts_on"), cleaned.get("ends_on"))
        if fault:
            self.add_error(field, fault)
        return cleaned

    def _get_validation_exclusions(self) -> set[str]:
        # The order of the dates is told at its field by ``clean``, not a second time by the constraint.
        return {*super()._get_validation_exclusions(), "starts_on", "ends_on"}  # type: ignore[misc]


class QuestionsForm(SectionForm):
    """One field per question of the axis."""

    def __init__(self, *args: Any, questions: list[Question], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.questions = questions
        given = answers_by_code(self.instance)
        for question in questions:
            self.fields[question.code] = _question_field(question)
            self.initial[question.code] = given.get(question.code, "")
        optional = {question.code for question in questions if not question.is_required}
        self.say_optional(optional.__contains__)

    def answers(self) -> dict[str, str]:
        """By code of question; an empty text where nothing was typed."""
        given = {question.code: self.cleaned_data.get(question.code) for question in self.questions}
        return {code: "" if value is None else str(value) for code, value in given.items()}


def _question_field(question: Question) -> forms.Field:
    common: dict[str, Any] = {"label": question.label, "help_text": question.help_text, "required": False}
    if question.kind == QuestionKind.CHOICE:
        choices = [("", "Choisissez une réponse"), *((choice, choice) for choice in question.choices)]
        return forms.ChoiceField(choices=choices, **common)
    if question.kind == QuestionKind.YES_NO:
        return forms.ChoiceField(choices=YES_NO, widget=forms.RadioSelect, **common)
    if question.kind == QuestionKind.NUMBER:
        return forms.DecimalField(max_digits=15, decimal_places=2, min_value=0, localize=True, **common)
    widget: forms.Widget = (
        forms.Textarea(attrs={"rows": 6}) if question.kind == QuestionKind.TEXT else forms.TextInput()
    )
    return forms.CharField(max_length=question.max_length, widget=widget, **common)


# ------------------------------------------------------------------------------------------------ lines


FUNDING_KINDS = [choice for choice in FundingKind.choices if choice[0] != FundingKind.REQUESTED]


class LineForm(DraftFields, forms.Form):
    """One line of a set; an untouched empty line is ignored."""

    use_required_attribute = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.say_optional(lambda name: not self.fields[name].required)

    def has_content(self) -> bool:
        """Whether something is on the line, typed now or kept from before."""
        return bool(self.has_changed() or self.initial)


class CostForm(LineForm):
    label = forms.CharField(label="Dépense", max_length=CostLine._meta.get_field("label").max_length)
    category = forms.ChoiceField(label="Catégorie", choices=[("", "Choisissez"), *CostCategory.choices])
    nature = forms.ChoiceField(label="Nature", choices=[("", "Choisissez"), *CostNature.choices])
    amount = MoneyFormField(label="Montant", widget=MoneyInput)


class FundingLineForm(LineForm):
    kind = forms.ChoiceField(label="Origine", choices=[("", "Choisissez"), *FUNDING_KINDS])
    label = forms.CharField(label="Précision", max_length=200, required=False)
    status = forms.ChoiceField(label="Situation", choices=[("", "Choisissez"), *FundingStatus.choices])
    amount = MoneyFormField(label="Montant", widget=MoneyInput)


class MilestoneForm(LineForm):
    label = forms.CharField(label="Étape", max_length=200)
    due_on = forms.DateField(label="Échéance", widget=DateInput)


class IndicatorForm(LineForm):
    label = forms.CharField(label="Indicateur", max_length=200)
    baseline = forms.CharField(label="Aujourd’hui", max_length=120, required=False)
    target = forms.CharField(label="Cible", max_length=120)


class ShareForm(LineForm):
    """The part of the aid that goes to one member of the grouping, named by ``legend``."""

    legend = ""
    organisation = forms.IntegerField(widget=forms.HiddenInput)
    share = MoneyFormField(label="Part de l’aide", strictly_positive=False, widget=MoneyInput)


class Lines(BaseFormSet):
    """Lines with a box to take each one out."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].label = "Retirer cette ligne"

    def rows(self) -> list[dict[str, Any]]:
        """The lines to keep, in order."""
        return [
            {name: value for name, value in form.cleaned_data.items() if name != "DELETE"}
            for form in self.forms
            if form.cleaned_data and not form.cleaned_data.get("DELETE") and form.has_content()
        ]


def lines(form: type[LineForm], *, extra: int = 1, can_delete: bool = True) -> Any:
    """The class of a set of lines, with ``extra`` empty ones after those already there."""
    return formset_factory(
        form, formset=Lines, extra=extra, can_delete=can_delete, max_num=MOST_ROWS, validate_max=True
    )


CostLines = lines(CostForm, extra=2)
FundingLines = lines(FundingLineForm, extra=2)
Milestones = lines(MilestoneForm)
Indicators = lines(IndicatorForm)
Shares = lines(ShareForm, extra=0, can_delete=False)

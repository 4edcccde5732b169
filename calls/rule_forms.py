"""A rule of eligibility written in the administration: French questions, from which its parameters are made."""

import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import ModelForm

from calls.eligibility.rules import InvalidParameters, build
from calls.enums import RuleKind
from calls.models import EligibilityRule
from territories.enums import OrganisationKind, TerritoryKind
from territories.models import Territory

# What each rule asks; the first is the one that it cannot do without.
ASKED: dict[str, tuple[str, ...]] = {
    RuleKind.ORGANISATION_KINDS: ("kinds", "groupings"),
    RuleKind.POPULATION_AT_LEAST: ("threshold", "exempt_kinds"),
    RuleKind.POPULATION_BELOW: ("threshold", "exempt_kinds"),
    RuleKind.ONE_PER_ORGANISATION: ("maximum",),
    RuleKind.PRIOR_AUTHORISATION: ("label",),
    RuleKind.IN_TERRITORY: ("departements", "regions"),
}
LACKING: dict[str, str] = {
    RuleKind.ORGANISATION_KINDS: "Choisissez au moins une catégorie de collectivités.",
    RuleKind.POPULATION_AT_LEAST: "Donnez le seuil, en habitants.",
    RuleKind.POPULATION_BELOW: "Donnez le seuil, en habitants.",
    RuleKind.PRIOR_AUTHORISATION: "Nommez l’habilitation que la règle exige.",
    RuleKind.IN_TERRITORY: "Donnez au moins un département ou une région.",
}
BOXES = forms.CheckboxSelectMultiple


class CodesField(forms.CharField):
    """INSEE codes separated by spaces or commas, each known to the referential."""

    def __init__(self, *, kind: TerritoryKind, **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(required=False, max_length=400, **kwargs)

    def clean(self, value: Any) -> list[str]:
        codes = list(dict.fromkeys(re.split(r"[\s,;]+", str(super().clean(value) or "").upper().strip())))
        codes = [code for code in codes if code]
        known = set(Territory.objects.filter(kind=self.kind, code__in=codes).values_list("code", flat=True))
        unknown = [code for code in codes if code not in known]
        if unknown:
            raise ValidationError(f"Le référentiel ne connaît pas ce code\u00a0: {', '.join(unknown)}.")
        return codes


class EligibilityRuleForm(ModelForm):
    """Each rule reads the questions that are its own; one that answers another rule's is told so."""

    kinds = forms.MultipleChoiceField(
        label="Catégories qui peuvent demander",
        help_text="Pour la règle «\u00a0nature de la collectivité\u00a0».",
        choices=OrganisationKind.choices,
        widget=BOXES,
        required=False,
    )
    groupings = forms.BooleanField(
        label="Un groupement de ces collectivités peut demander aussi",
        help_text="Pour la règle «\u00a0nature de la collectivité\u00a0».",
        initial=True,
        required=False,
    )
    threshold = forms.IntegerField(
        label="Seuil, en habitants",
        help_text="Pour une population couverte minimale (seuil compris) ou maximale (seuil exclu).",
        min_value=1,
        # « 100 000 » is how it is written.
        localize=True,
        required=False,
    )
    exempt_kinds = forms.MultipleChoiceField(
        label="Catégories sans condition de population",
        help_text="Pour une population couverte minimale ou maximale.",
        choices=OrganisationKind.choices,
        widget=BOXES,
        required=False,
    )
    maximum = forms.IntegerField(
        label="Nombre de demandes au plus",
        help_text="Pour la règle «\u00a0une seule demande par collectivité\u00a0». Vide\u00a0: une.",
        min_value=1,
        required=False,
    )
    label = forms.CharField(
        label="Habilitation exigée",
        help_text="Se lit dans «\u00a0Avoir obtenu … avant de demander\u00a0».",
        max_length=200,
        required=False,
    )
    departements = CodesField(
        label="Départements couverts",
        help_text="Codes séparés par des espaces, comme 35 2A. Pour la règle «\u00a0territoire éligible\u00a0».",
        kind=TerritoryKind.DEPARTEMENT,
    )
    regions = CodesField(
        label="Régions couvertes",
        help_text="Codes séparés par des espaces, comme 53 94. Pour la règle «\u00a0territoire éligible\u00a0».",
        kind=TerritoryKind.REGION,
    )

    class Meta:
        model = EligibilityRule
        fields = ["axis", "position", "kind", "source"]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        kind = cleaned.get("kind")
        if kind is None or self.errors:
            return cleaned
        asked = ASKED[kind]
        for name in sorted({name for names in ASKED.values() for name in names} - {*asked, "groupings"}):
            if cleaned.get(name):
                self.add_error(
                    name, f"La règle «\u00a0{RuleKind(kind).label}\u00a0» ne lit pas ce champ\u00a0: videz-le."
                )
        self.instance.parameters = {name: cleaned[name] for name in asked if cleaned.get(name) not in (None, "", [])}
        try:
            build(kind, self.instance.parameters)
        except InvalidParameters as error:
            self.add_error(asked[0], LACKING.get(kind, str(error)))
        return cleaned

    def _post_clean(self) -> None:
        """The row itself is checked once its parameters are made: it names them by a field that this form has not."""
        if not self.errors:
            super()._post_clean()  # type: ignore[misc]

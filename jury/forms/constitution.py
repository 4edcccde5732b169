"""Seating a jury: its name, its rule, its members."""

from typing import Any

from django import forms
from django.forms.formsets import BaseFormSet, formset_factory

from accounts.models import User
from calls.models import Session
from jury.enums import SelectionRule
from jury.forms.base import RefusableForm, choices_with_empty
from jury.services import Member
from territories.enums import TerritoryKind
from territories.models import Territory

MOST_MEMBERS = 40
CHAIR, JUROR = "chair", "juror"


class JuryForm(RefusableForm):
    """The name of a jury and the rule it publishes; a refusal about its members is shown above the form."""

    name = forms.CharField(label="Nom du jury", max_length=200)
    selection_rule = forms.ChoiceField(
        label="Quand un dossier demande plus que ce qui reste",
        help_text="La règle est publiée avant les lectures et vaut pour tout le classement.",
        choices=[(value, label.capitalize().replace("'", "’")) for value, label in SelectionRule.choices],
        widget=forms.RadioSelect,
        initial=SelectionRule.SKIP,
    )


class MemberForm(forms.Form):
    """One member, by the address of their account; a line left untouched is ignored."""

    use_required_attribute = False

    email = forms.EmailField(label="Adresse électronique du compte", max_length=254)
    role = forms.ChoiceField(label="Place", choices=[(JUROR, "Juré"), (CHAIR, "Présidence")], initial=JUROR)
    organisation_name = forms.CharField(label="Organisme", max_length=200, required=False)
    region_code = forms.ChoiceField(label="Région", required=False)
    load_max = forms.IntegerField(
        label="Dossiers à lire, au plus", min_value=0, max_value=500, required=False, help_text="Juré : 40 si vide."
    )
    expertise = forms.MultipleChoiceField(label="Thèmes connus", widget=forms.CheckboxSelectMultiple, required=False)

    def __init__(
        self, *args: Any, themes: list[tuple[str, str]], regions: list[tuple[str, str]], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["expertise"].choices = themes  # type: ignore[attr-defined]
        self.fields["region_code"].choices = choices_with_empty(regions, "Sans préférence")  # type: ignore[attr-defined]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].strip().lower()
        self.user = User.objects.filter(email=email, is_active=True).first()
        if self.user is None:
            raise forms.ValidationError(
                "Aucun compte n’a cette adresse. La personne crée d’abord le sien avec « Créer un compte »."
            )
        return email

    def member(self) -> Member:
        """Whom to seat; the form is valid."""
        assert self.user is not None
        data = self.cleaned_data
        return Member(
            user=self.user,
            is_chair=data["role"] == CHAIR,
            organisation_name=data["organisation_name"],
            expertise=data["expertise"],
            region_code=data["region_code"],
            load_max=data["load_max"],
        )


class Members(BaseFormSet):
    """Lines with a box to take each one out; those left empty are ignored."""

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].label = "Retirer cette ligne"

    def members(self) -> list[Member]:
        """In the order of the lines; the set is valid."""
        return [
            form.member()
            for form in self.forms
            if form.has_changed() and form.cleaned_data and not form.cleaned_data.get("DELETE")
        ]


def member_lines(session: Session, data: Any, *, count: int) -> Members:
    """The lines of a session's jury, ``count`` empty ones when nothing was sent yet."""
    axis = session.axis
    vintage = axis.call.rules_versions.order_by("-number").values("vintage")[:1]
    regions = Territory.objects.filter(kind=TerritoryKind.REGION, vintage__in=vintage)
    options = {
        "themes": list(axis.themes.values_list("code", "label")),
        "regions": list(regions.order_by("name").values_list("code", "name")),
    }
    made = formset_factory(
        MemberForm, formset=Members, extra=count, can_delete=True, max_num=MOST_MEMBERS, validate_max=True
    )
    made.row_label = "Membre"  # type: ignore[attr-defined]
    return made(data, prefix="members", form_kwargs=options)  # type: ignore[return-value]

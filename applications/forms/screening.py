"""Filters of the list, and the acts of the service."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from applications.enums import ApplicationState
from core.widgets import DateInput

ANSWER_DAYS = 30
# The clock stands still meanwhile: not for ever.
LONGEST_ANSWER_DAYS = 180


class ScreeningFilters(forms.Form):
    """Everything optional; what cannot be read is ignored. Choices hold only what the person may see."""

    q = forms.CharField(
        label="Recherche",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
        help_text="Numéro, intitulé ou collectivité",
    )
    axe = forms.ChoiceField(label="Axe", required=False)
    etat = forms.ChoiceField(label="État", required=False)
    releve = forms.ChoiceField(label="Relève", required=False)
    departement = forms.ChoiceField(label="Département", required=False)
    retard = forms.ChoiceField(
        label="Délais",
        required=False,
        choices=[
            ("", "Tous"),
            ("completude", "Complétude à vérifier sous 15 jours"),
            ("decision", "Délai de décision dépassé"),
            ("reponse", "Réponse du porteur en retard"),
        ],
    )

    def __init__(
        self,
        *args: Any,
        axes: list[tuple[str, str]],
        sessions: list[tuple[str, str]],
        departements: list[tuple[str, str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        states = [(code, label.capitalize()) for code, label in ApplicationState.choices if code != "draft"]
        for name, empty, choices in (
            ("axe", "Tous", axes),
            ("etat", "Tous", states),
            ("releve", "Toutes", sessions),
            ("departement", "Tous", departements),
        ):
            self.fields[name].choices = [("", empty), *choices]  # type: ignore[attr-defined]

    def wanted(self) -> dict[str, str]:
        """The filters that were given and can be read."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class CompletionRequestForm(forms.Form):
    """Missing items, one per line, and the day until which they are awaited."""

    items = forms.CharField(
        label="Éléments manquants",
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Un élément par ligne, en termes simples\u00a0: «\u00a0La délibération signée\u00a0».",
        error_messages={"required": "Indiquez au moins un élément manquant."},
    )
    message = forms.CharField(
        label="Message au porteur",
        required=False,
        max_length=5000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Facultatif.",
    )
    due_on = forms.DateField(
        label="Réponse attendue jusqu’au", widget=DateInput, help_text="Inclus, jusqu’à minuit, heure de Paris."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("due_on", timezone.localdate() + timedelta(days=ANSWER_DAYS))

    def clean_due_on(self) -> Any:
        day = self.cleaned_data["due_on"]
        if day <= timezone.localdate():
            raise forms.ValidationError("La date limite doit être dans l’avenir.")
        if day > timezone.localdate() + timedelta(days=LONGEST_ANSWER_DAYS):
            raise forms.ValidationError(f"La date limite est à {LONGEST_ANSWER_DAYS} jours au plus.")
        return day

    def request(self) -> dict[str, Any]:
        """The arguments of ``request_completion`` that the form gives."""
        day = self.cleaned_data["due_on"]
        return {
            "items": self.cleaned_data["items"].splitlines(),
            "message": self.cleaned_data["message"],
            "due_at": timezone.make_aware(datetime.combine(day, time(23, 59, 59))),
        }


class AdmissibleForm(forms.Form):
    note = forms.CharField(
        label="Note interne",
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Facultative. Le porteur ne la voit pas.",
    )


class InadmissibleForm(forms.Form):
    reason = forms.CharField(
        label="Motif",
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Il est envoyé au porteur avec les voies de recours\u00a0: dites quelle règle n’est pas remplie, "
        "et pourquoi.",
        error_messages={"required": "Une décision d’irrecevabilité est motivée\u00a0: écrivez le motif."},
    )

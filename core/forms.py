"""Form parts of every room."""

import re
import uuid
from typing import Any

from django import forms

from core.journal_words import known_acts
from core.widgets import DateInput


def new_key() -> str:
    """A key for one filling of a form: the command it sends takes effect once."""
    return str(uuid.uuid4())


PHONE = re.compile(r"[+(]?(?:[\d][\s().\u00a0/-]*){9,20}")


def read_phone(typed: str) -> str:
    """A telephone number as people write it: 9 to 20 digits, spaces, dots, a country code; empty for none."""
    phone = typed.strip()
    if phone and not PHONE.fullmatch(phone):
        raise forms.ValidationError("Indiquez un numéro de téléphone, par exemple 01 23 45 67 89.")
    return phone


class IdempotencyField(forms.UUIDField):
    """Hidden key made when the form is shown and sent back with it."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.HiddenInput)
        kwargs.setdefault("initial", new_key)
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> str | None:  # type: ignore[override]
        key = super().to_python(value)
        return None if key is None else str(key)


class VersionField(forms.IntegerField):
    """Hidden version of the object shown: a form older than the object is refused."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.HiddenInput)
        super().__init__(**kwargs)


class ShownTextInput(forms.TextInput):
    """Shows again what was typed, without what a page may not hold."""

    def format_value(self, value: Any) -> str | None:
        shown = super().format_value(value)
        return shown and str(shown).strip().replace("\0", "")


class JournalFilters(forms.Form):
    """What the journal is searched by, in the address of its page; a NUL or an endless text is refused at its field."""

    chaine = forms.CharField(
        label="Dossier, convention, liste (numéro) ou chaîne", max_length=120, required=False, widget=ShownTextInput
    )
    acte = forms.ChoiceField(
        label="Acte", required=False, error_messages={"invalid_choice": "Choisissez un acte de la liste."}
    )
    du = forms.DateField(label="Du", required=False, widget=DateInput)
    au = forms.DateField(label="Au", required=False, widget=DateInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["acte"].choices = [("", "Tous les actes"), *known_acts().items()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("du") and cleaned.get("au") and cleaned["au"] < cleaned["du"]:
            self.add_error("au", "Cette date précède celle du début.")
        return cleaned

"""Changing a proposal of assignment, seating one more reader."""

from collections.abc import Sequence
from typing import Any

from django import forms

from jury.forms.base import RefusableForm, choices_with_empty
from jury.models import Juror, Jury


def juror_choices(jury: Jury) -> list[tuple[Any, Any]]:
    """Members by name, with their organisation."""
    rows = jury.jurors.select_related("user").order_by("user__last_name", "pk")
    return [(row.pk, f"{row.user}{f' – {row.organisation_name}' if row.organisation_name else ''}") for row in rows]


class _JuryForm(RefusableForm):
    def __init__(self, *args: Any, jury: Jury, **kwargs: Any) -> None:
        self.jury = jury
        super().__init__(*args, **kwargs)

    def _juror(self, name: str) -> Juror | None:
        pk = self.cleaned_data.get(name)
        return self.jury.jurors.get(pk=pk) if pk else None


class SeatForm(_JuryForm):
    """One more reader for a dossier."""

    new = forms.ChoiceField(
        label="Juré à affecter",
        error_messages={
            "required": "Choisissez un juré.",
            "invalid_choice": "Cette personne ne peut pas lire ce dossier de plus : choisissez dans la liste.",
        },
    )
    readers = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)

    def __init__(
        self, *args: Any, possible: Sequence[tuple[Juror, int]], readers: Sequence[int], **kwargs: Any
    ) -> None:
        """``possible``: members who may read the dossier, each with the number of dossiers they read already;
        ``readers``: those (ids) who read it now."""
        super().__init__(*args, initial={"readers": ",".join(map(str, readers))}, **kwargs)
        rows = [(row.pk, f"{row.user}, {load} dossier{'s' * (load > 1)} sur {row.load_max}") for row, load in possible]
        self.fields["new"].choices = choices_with_empty(rows)  # type: ignore[attr-defined]

    def readers_shown(self) -> list[int]:
        """Jurors (ids) who read the dossier when the page was shown."""
        return [int(text) for text in self.cleaned_data["readers"].split(",") if text.isascii() and text.isdigit()]

    def new_juror(self) -> Juror:
        juror = self._juror("new")
        assert juror is not None
        return juror


class ChangeSeatForm(_JuryForm):
    """Replace, add or remove a seat of a proposal."""

    old = forms.ChoiceField(label="Juré à remplacer ou à retirer", required=False)
    new = forms.ChoiceField(label="Juré qui prend la place", required=False)
    reason = forms.CharField(label="Pourquoi", max_length=250)
    sha256 = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, panel: list[tuple[Any, Any]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = choices_with_empty(panel, "Aucun : ajouter une place")
        self.fields["old"].choices = choices  # type: ignore[attr-defined]
        others = choices_with_empty(juror_choices(self.jury), "Aucun : retirer la place")
        self.fields["new"].choices = others  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not cleaned.get("old") and not cleaned.get("new"):
            self.add_error("new", "Choisissez au moins un juré.")
        return cleaned

    def seats(self) -> tuple[Juror | None, Juror | None]:
        return self._juror("old"), self._juror("new")

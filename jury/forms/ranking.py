"""What one tries on the ranking page."""

from django import forms


class FloorForm(forms.Form):
    """« Au moins n dossiers par thème », in the address; nothing is recorded."""

    keeps_nothing = True

    plancher = forms.IntegerField(
        label="Dossiers retenus au moins par thème",
        min_value=1,
        max_value=999,
        required=False,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "guichet-short"}),
        error_messages={"invalid": "Écrivez un nombre entier, par exemple 2."},
    )

    def minimum(self) -> int:
        """Dossiers per theme; 0 when none is asked, or what was typed says nothing."""
        return self.cleaned_data.get("plancher") or 0 if self.is_valid() else 0

"""The form by which a mandate is granted in the administration."""

from typing import Any

from django import forms
from django.db.models import F, Q
from django.forms import ModelForm

from accounts.models import User
from calls.models import Mandate
from core.templatetags.guichet import paris_date


class MandateForm(ModelForm):
    """A mandate for the person who has this address. ``granted_by`` is whoever fills the form."""

    granted_by: User
    email = forms.EmailField(label="Adresse électronique de la personne")

    class Meta:
        model = Mandate
        fields = [
            "call",
            "axis",
            "role",
            "departement_code",
            "region_code",
            "organisation_name",
            "starts_at",
            "ends_at",
        ]

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].strip().lower()
        user = User.objects.filter(email=email, is_active=True).first()
        if user is None:
            raise forms.ValidationError("Aucun compte n’a cette adresse : la personne crée d’abord le sien.")
        if user == self.granted_by:
            raise forms.ValidationError("Nul ne se donne un mandat : une autre personne vous le confie.")
        self.instance.user = user
        return email

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        axis, call = cleaned.get("axis"), cleaned.get("call")
        if axis is not None and call is not None and axis.call_id != call.pk:
            self.add_error("axis", "Cet axe n’est pas celui de l’appel.")
        starts_at, ends_at = cleaned.get("starts_at"), cleaned.get("ends_at")
        if starts_at is not None and ends_at is not None and ends_at <= starts_at:
            self.add_error("ends_at", "La fin du mandat doit suivre son début.")
        if not self.errors and (held := self._same_mandate(cleaned)) is not None:
            since = paris_date(held.starts_at)
            self.add_error("role", f"Cette personne a déjà ce mandat, depuis le {since}\u00a0: mettez-y fin d’abord.")
        return cleaned

    def _same_mandate(self, cleaned: dict[str, Any]) -> Mandate | None:
        """A mandate of the person with the same role, axis and territory, in force on a day of the one asked for."""
        same = Mandate.objects.filter(
            user=self.instance.user,
            departement_code=cleaned["departement_code"].strip().upper(),
            region_code=cleaned["region_code"].strip(),
            **{name: cleaned[name] for name in ("call", "axis", "role")},
        ).exclude(ends_at=F("starts_at"))
        same = same.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=cleaned["starts_at"]))
        if cleaned.get("ends_at") is not None:
            same = same.filter(starts_at__lt=cleaned["ends_at"])
        return same.order_by("starts_at").first()

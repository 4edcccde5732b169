"""The form part by which a person confirms an act: one field for a code, or a passkey through JavaScript."""

import json
from typing import Any

from django import forms
from django.utils import timezone

from accounts import confirmations
from accounts.models import User
from core.errors import Refused


class ConfirmationCodeField(forms.CharField):
    """Six digits of an authenticator application; spaces are accepted."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "Code de confirmation")
        kwargs.setdefault(
            "help_text",
            "Les six chiffres que votre application affiche en ce moment. Un code qui a déjà servi, "
            "y compris pour vous connecter, n'est pas accepté.",
        )
        kwargs.setdefault("max_length", 12)
        kwargs.setdefault("required", False)
        kwargs.setdefault(
            "widget",
            forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric", "spellcheck": "false"}),
        )
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> str:
        return "".join((super().to_python(value) or "").split())


class ConfirmedActMixin(forms.Form):
    """Adds a confirmation to a form and checks it last, so that no code is spent on a form that has other errors.

    A valid form has recorded the person's confirmation; the service then calls ``confirmations.consume`` with the
    same act and digest, inside its transaction::

        form = SignForm(request.POST or None, user=request.user, act="conventions.sign", content_sha256=digest)
        if form.is_valid():
            services.sign(...)   # consumes
    """

    confirmation_code = ConfirmationCodeField()
    confirmation_credential = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: User, act: str, content_sha256: str, **kwargs: Any) -> None:
        self.user = user
        self.act = act
        self.content_sha256 = content_sha256
        super().__init__(*args, **kwargs)

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound and not self.errors:
            self._confirm()
        if self.is_bound:
            self._forget_typed_code()

    def refuse(self, refusal: Refused) -> None:
        """Show a service's refusal at its field when this form has it, else above the form."""
        field = refusal.field if refusal.field in self.fields else None
        self.add_error(field, refusal.message)

    def _confirm(self) -> None:
        code = self.cleaned_data.get("confirmation_code", "")
        credential = self.cleaned_data.get("confirmation_credential", "")
        try:
            if credential:
                self.confirmation = confirmations.complete_webauthn_confirmation(
                    user=self.user,
                    act=self.act,
                    content_sha256=self.content_sha256,
                    credential=_parsed(credential),
                    at=timezone.now(),
                )
            elif code:
                self.confirmation = confirmations.confirm_act(
                    user=self.user, act=self.act, content_sha256=self.content_sha256, code=code, at=timezone.now()
                )
            else:
                raise Refused("Saisissez le code affiché par votre application.", field="confirmation_code")
        except Refused as refusal:
            self.add_error("confirmation_code", refusal.message)

    def _forget_typed_code(self) -> None:
        # A code serves once: shown again, it could only mislead.
        if hasattr(self.data, "copy"):
            self.data = self.data.copy()
        for name in ("confirmation_code", "confirmation_credential"):
            self.data.pop(self.add_prefix(name), None)  # type: ignore[attr-defined]


class ConfirmedActForm(ConfirmedActMixin):
    """A confirmation and nothing else, for an act that asks no other question."""


def _parsed(credential: str) -> dict[str, Any]:
    try:
        parsed = json.loads(credential)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}

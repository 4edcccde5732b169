"""The form part by which a person confirms an act: one field for a code, or a passkey through JavaScript."""

import json
import re
from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.datastructures import MultiValueDict

from accounts import confirmations
from accounts.models import User
from accounts.second_factor import held_factors
from core.errors import Refused

SIX_DIGITS = re.compile(r"[0-9]{6}")
NOT_A_CODE = "Un code compte six chiffres. Saisissez celui que votre application affiche en ce moment."
ONLY_PASSKEY = "Vous n’avez pas d’application de codes : utilisez le bouton « Confirmer avec ma clé d’accès »."


class ConfirmationCodeField(forms.CharField):
    """Six digits of an authenticator application; spaces are accepted."""

    serves_once = True

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "Code de confirmation")
        kwargs.setdefault(
            "help_text",
            "Les six chiffres que votre application affiche en ce moment. Un code qui a déjà servi, "
            "y compris pour vous connecter, n’est pas accepté.",
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

    def validate(self, value: str) -> None:
        super().validate(value)
        # What cannot be a code is no try: nothing is counted, and « attendez le code suivant » would mislead.
        if value and not SIX_DIGITS.fullmatch(value):
            raise forms.ValidationError(NOT_A_CODE)


class PasskeyWidget(forms.HiddenInput):
    """The browser's answer, hidden, and the button that asks for it when the person has a passkey."""

    template_name = "accounts/passkey_widget.html"
    begin: Callable[[], dict[str, Any]] | None = None

    class Media:
        js = ["mfa/js/webauthn-json.js", "accounts/passkey.js"]

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        # The value is never sent back: an answer serves once.
        context = super().get_context(name, None, attrs)
        context["widget"]["options"] = self.begin() if self.begin is not None else None
        context["widget"]["options_id"] = f"{context['widget']['attrs'].get('id', name)}_options"
        return context


class ConfirmedActMixin(forms.Form):
    """Adds a confirmation to a form and checks it last, so that no code is spent on a form that has other errors.

    A valid form has recorded the person's confirmation; the service then calls ``confirmations.consume`` with the
    same act and digest, inside its transaction::

        form = SignForm(request.POST or None, user=request.user, act="conventions.sign", content_sha256=digest)
        if form.is_valid():
            services.sign(...)   # consumes
    """

    confirmation_code = ConfirmationCodeField()
    confirmation_credential = forms.CharField(required=False, widget=PasskeyWidget)

    def __init__(self, *args: Any, user: User, act: str, content_sha256: str, **kwargs: Any) -> None:
        self.user = user
        self.act = act
        self.content_sha256 = content_sha256
        super().__init__(*args, **kwargs)
        factors = held_factors(user)
        if Authenticator.Type.WEBAUTHN in factors:
            self.fields["confirmation_credential"].widget.begin = self._begin
        if Authenticator.Type.TOTP not in factors:
            self.fields["confirmation_code"].help_text = ONLY_PASSKEY if factors else confirmations.NO_FACTOR

    def _begin(self) -> dict[str, Any]:
        return confirmations.begin_webauthn_confirmation(
            user=self.user, act=self.act, content_sha256=self.content_sha256, at=timezone.now()
        )

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
        spent = {self.add_prefix("confirmation_code"), self.add_prefix("confirmation_credential")}
        kept = QueryDict(mutable=True)
        source = (
            self.data
            if isinstance(self.data, MultiValueDict)
            else MultiValueDict({k: [v] for k, v in self.data.items()})
        )
        for name in source:
            if name not in spent:
                kept.setlist(name, source.getlist(name))
        self.data = kept


class ConfirmedActForm(ConfirmedActMixin):
    """A confirmation and nothing else, for an act that asks no other question."""


def _parsed(credential: str) -> dict[str, Any]:
    try:
        parsed = json.loads(credential)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}

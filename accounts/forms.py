"""Forms of the account pages. Codes of an authenticator application are spent in one place, ``accounts.totp``."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from allauth.account.forms import AddEmailForm as BaseAddEmailForm
from allauth.account.forms import ChangePasswordForm as BaseChangePasswordForm
from allauth.account.forms import ConfirmEmailVerificationCodeForm, ConfirmPasswordResetCodeForm
from allauth.account.forms import LoginForm as BaseLoginForm
from allauth.account.forms import ReauthenticateForm as BasePasswordAgainForm
from allauth.account.forms import ResetPasswordForm as BaseResetPasswordForm
from allauth.account.forms import ResetPasswordKeyForm as BaseResetPasswordKeyForm
from allauth.account.forms import SetPasswordForm as BaseSetPasswordForm
from allauth.account.forms import SignupForm as BaseSignupForm
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm as BaseAuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as BaseReauthenticateForm
from allauth.mfa.base.internal.flows import check_rate_limit
from allauth.mfa.internal.flows.add import validate_can_add_authenticator
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm as BaseActivateTOTPForm
from allauth.mfa.webauthn.forms import AddWebAuthnForm as BaseAddWebAuthnForm
from allauth.mfa.webauthn.forms import AuthenticateWebAuthnForm as BaseAuthenticateWebAuthnForm
from allauth.mfa.webauthn.forms import EditWebAuthnForm as BaseEditWebAuthnForm
from allauth.mfa.webauthn.forms import ReauthenticateWebAuthnForm as BaseReauthenticateWebAuthnForm
from cryptography.fernet import InvalidToken
from django import forms
from django.contrib.auth.password_validation import get_default_password_validators
from django.utils import timezone

from accounts import totp
from accounts.models import FactorRecovery, User
from accounts.second_factor import UNREADABLE_ANSWER
from core.forms import read_phone

logger = logging.getLogger("guichet.accounts")

EMAIL_HINT = "Exemple : prenom.nom@ma-commune.fr"
APPLICATION_CODE_HINT = "Les six chiffres affichés par votre application. Ils changent toutes les trente secondes."
EMAIL_CODE_HINT = "Le code reçu par courriel, huit lettres. Le tiret est facultatif."


def _password_hint() -> str:
    return " ".join(validator.get_help_text() for validator in get_default_password_validators()[1:2])


def _describe(field: forms.Field, *, label: str, hint: str = "", autocomplete: str = "") -> None:
    """French label and hint; no placeholder, which disappears when one types."""
    field.label = label
    field.help_text = hint
    field.widget.attrs.pop("placeholder", None)
    if autocomplete:
        field.widget.attrs["autocomplete"] = autocomplete


class LoginForm(BaseLoginForm):
    """E-mail address and password."""

    keeps_nothing = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(self.fields["login"], label="Adresse électronique", hint=EMAIL_HINT, autocomplete="username")
        _describe(self.fields["password"], label="Mot de passe", autocomplete="current-password")
        self.fields["password"].help_text = ""


class SignupForm(BaseSignupForm):
    """A new account, with the name that will stand on the dossiers."""

    first_name = forms.CharField(
        label="Prénom", max_length=80, widget=forms.TextInput(attrs={"autocomplete": "given-name"})
    )
    last_name = forms.CharField(
        label="Nom", max_length=80, widget=forms.TextInput(attrs={"autocomplete": "family-name"})
    )

    field_order = ["first_name", "last_name", "email", "password1", "password2"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(
            self.fields["email"],
            label="Adresse électronique professionnelle",
            hint=f"Nous y enverrons un code de vérification. {EMAIL_HINT}",
            autocomplete="email",
        )
        _describe(self.fields["password1"], label="Mot de passe", hint=_password_hint(), autocomplete="new-password")
        _describe(self.fields["password2"], label="Mot de passe, une seconde fois", autocomplete="new-password")


def _describe_new_password(form: forms.Form) -> None:
    _describe(
        form.fields["password1"], label="Nouveau mot de passe", hint=_password_hint(), autocomplete="new-password"
    )
    _describe(form.fields["password2"], label="Nouveau mot de passe, une seconde fois", autocomplete="new-password")


class ChangePasswordForm(BaseChangePasswordForm):
    """Present password, then the new one twice."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(self.fields["oldpassword"], label="Mot de passe actuel", autocomplete="current-password")
        _describe_new_password(self)


class SetPasswordForm(BaseSetPasswordForm):
    """First password of a person who came through an identity provider."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe_new_password(self)


class ResetPasswordForm(BaseResetPasswordForm):
    """Address to which the code is sent."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(
            self.fields["email"],
            label="Adresse électronique de votre compte",
            hint=EMAIL_HINT,
            autocomplete="username",
        )


class ResetPasswordKeyForm(BaseResetPasswordKeyForm):
    """New password, after the code was typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe_new_password(self)


class AddEmailForm(BaseAddEmailForm):
    """The address that will replace the present one, once verified."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(
            self.fields["email"],
            label="Nouvelle adresse électronique",
            hint=f"Un code y sera envoyé ; l’adresse actuelle sert jusqu’à sa vérification. {EMAIL_HINT}",
            autocomplete="email",
        )


class PasswordAgainForm(BasePasswordAgainForm):
    """The password, asked again before a change to the account."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(self.fields["password"], label="Mot de passe", autocomplete="current-password")


class EmailCodeForm(ConfirmEmailVerificationCodeForm):
    """Code received at an address to verify."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(
            self.fields["code"], label="Code reçu par courriel", hint=EMAIL_CODE_HINT, autocomplete="one-time-code"
        )


class PasswordResetCodeForm(ConfirmPasswordResetCodeForm):
    """Code received to choose a new password."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(
            self.fields["code"], label="Code reçu par courriel", hint=EMAIL_CODE_HINT, autocomplete="one-time-code"
        )


@contextmanager
def _readable_answer() -> Iterator[None]:
    """The library lets some errors of its own reading out of a forged or cut answer; a refusal stays a refusal."""
    try:
        yield
    except forms.ValidationError:
        raise
    except UNREADABLE_ANSWER as error:
        raise get_adapter().validation_error("incorrect_code") from error


class AuthenticateWebAuthnForm(BaseAuthenticateWebAuthnForm):
    """Second step of sign-in, with a passkey."""

    def clean_credential(self) -> Authenticator:
        with _readable_answer():
            authenticator: Authenticator = super().clean_credential()
        return authenticator


class ReauthenticateWebAuthnForm(AuthenticateWebAuthnForm, BaseReauthenticateWebAuthnForm):
    """The same passkey, asked again before a change to the account."""


class AddWebAuthnForm(BaseAddWebAuthnForm):
    """A passkey: this computer, a phone, or a USB key."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(
            self.fields["name"],
            label="Nom de cette clé",
            hint="Pour la reconnaître plus tard. Exemple : « ordinateur du bureau ».",
        )

    def clean(self) -> dict[str, Any]:
        with _readable_answer():
            cleaned: dict[str, Any] = super().clean()
        return cleaned


class EditWebAuthnForm(BaseEditWebAuthnForm):
    """Another name for a passkey."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(self.fields["name"], label="Nom de cette clé")


class SpendsCodes:
    """A form whose ``code`` may be a TOTP code (spent for good) or a recovery code."""

    user: User
    is_unreadable = False

    def _describe_code(self, fields: dict[str, forms.Field]) -> None:
        _describe(
            fields["code"],
            label="Code de vérification",
            hint=f"{APPLICATION_CODE_HINT} Sans votre téléphone, saisissez un code de secours.",
            autocomplete="one-time-code",
        )
        fields["code"].widget.attrs["autocapitalize"] = "off"

    def _spend(self, code: str) -> Authenticator | None:
        """The authenticator that accepts this code, which then serves nowhere else; None when none does."""
        for authenticator in Authenticator.objects.filter(user_id=self.user.pk).exclude(
            type=Authenticator.Type.WEBAUTHN
        ):
            try:
                if authenticator.type == Authenticator.Type.TOTP:
                    secret = totp.secret_of(self.user) or ""
                    accepted = totp.use_code(user=self.user, secret=secret, code=code, at=timezone.now())
                else:
                    accepted = authenticator.wrap().validate_code(code)
            except InvalidToken:
                # The key of the site was changed without « reseal_factors »: no code is right until it is given back.
                logger.exception("second_factor_unreadable", extra={"authenticator": authenticator.pk})
                self.is_unreadable = True
                continue
            if accepted:
                authenticator.user = self.user
                return authenticator
        return None


class AuthenticateForm(SpendsCodes, BaseAuthenticateForm):
    """Second step of sign-in."""

    keeps_nothing = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._describe_code(self.fields)

    def clean_code(self) -> str:
        clear = check_rate_limit(self.user)
        code = str(self.cleaned_data["code"])
        authenticator = self._spend(code)
        if authenticator is None and self.is_unreadable:
            raise forms.ValidationError(totp.UNREADABLE)
        if authenticator is None:
            raise get_adapter().validation_error("incorrect_code")
        self.authenticator = authenticator
        clear()
        return code


class ReauthenticateForm(AuthenticateForm, BaseReauthenticateForm):
    """The same code, asked again before a change to the account."""

    save = BaseReauthenticateForm.save


class ActivateTOTPForm(BaseActivateTOTPForm):
    """First code of a new authenticator application."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _describe(
            self.fields["code"],
            label="Code affiché par l’application",
            hint=APPLICATION_CODE_HINT,
            autocomplete="one-time-code",
        )
        self.fields["code"].widget.attrs["inputmode"] = "numeric"

    def clean_code(self) -> str:
        validate_can_add_authenticator(self.user)
        clear = check_rate_limit(self.user, error_key="rate_limited")
        code = str(self.cleaned_data["code"])
        if not totp.use_code(user=self.user, secret=self.secret, code=code, at=timezone.now()):
            raise get_adapter().validation_error("incorrect_code")
        clear()
        return code


class IdentityForm(forms.ModelForm):
    """What a person may change about themself. The address has its own page, because it is verified."""

    class Meta:
        model = User
        fields = ["first_name", "last_name", "job_title", "phone"]
        help_texts = {
            "job_title": "Telle qu’elle doit figurer sur les documents. Exemple : secrétaire générale de mairie",
            "phone": "Facultatif, par exemple 01 23 45 67 89. Pour vous joindre au sujet d’un dossier, jamais pour autre "
            "chose.",
        }
        widgets = {
            "first_name": forms.TextInput(attrs={"autocomplete": "given-name"}),
            "last_name": forms.TextInput(attrs={"autocomplete": "family-name"}),
            "job_title": forms.TextInput(attrs={"autocomplete": "organization-title"}),
            "phone": forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["first_name"].required = True
        self.fields["last_name"].required = True

    def clean_phone(self) -> str:
        return read_phone(self.cleaned_data["phone"])

    def save(self, commit: bool = True) -> User:
        """Write these fields alone: what somebody else changes of the person meanwhile stays."""
        user: User = super().save(commit=False)
        if commit:
            user.save(update_fields=list(self.fields))
        return user


class FactorRecoveryForm(forms.ModelForm):
    """What happened, in the person's words, for the two agents who will check."""

    class Meta:
        model = FactorRecovery
        fields = ["reason"]
        labels = {"reason": "Que s’est-il passé ?"}
        help_texts = {
            "reason": (
                "Exemple : « J’ai changé de téléphone et l’ancien est effacé. » Indiquez un numéro de votre "
                "service où vous joindre : un agent vous y appellera."
            )
        }
        widgets = {"reason": forms.Textarea(attrs={"rows": 5})}


class RecoveryRefusalForm(forms.Form):
    """Why an agent refuses to remove a second factor, in words that its person will read."""

    refusal_reason = forms.CharField(
        label="Motif du refus",
        max_length=500,
        help_text=(
            "La personne le lira dans un courriel. Exemple\u00a0: «\u00a0Au téléphone, vous nous avez dit n’avoir "
            "rien demandé.\u00a0»"
        ),
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class FindAccountForm(forms.Form):
    """Whose account an agent looks for."""

    found: User | None = None

    email = forms.EmailField(
        label="Adresse électronique du compte",
        help_text=EMAIL_HINT,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"]).strip().lower()
        self.found = User.objects.filter(email=email).first()
        if self.found is None:
            raise forms.ValidationError("Aucun compte n’a cette adresse.")
        return email


class ClosingForm(forms.Form):
    """Why an account is closed or opened again, in words that its person will read."""

    closing_reason = forms.CharField(
        label="Motif",
        max_length=500,
        help_text=(
            "La personne le lira dans un courriel, et il est inscrit au journal. Dites-le simplement\u00a0: un départ, "
            "un retour, une erreur."
        ),
        widget=forms.Textarea(attrs={"rows": 4}),
    )

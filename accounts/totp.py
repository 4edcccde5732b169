"""Codes of authenticator applications (RFC 6238): each serves once, whatever asks for it."""

from datetime import datetime

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from allauth.mfa.utils import decrypt
from django.utils.crypto import constant_time_compare

from accounts.models import UsedCode, User

UNREADABLE = "Le site ne peut plus lire votre seconde vérification : ce n’est pas une erreur de votre part. Prévenez l’assistance."


def step_at(at: datetime) -> int:
    """Number of the 30-second step that contains this instant."""
    return int(at.timestamp()) // app_settings.TOTP_PERIOD


def code_at(*, secret: str, at: datetime) -> str:
    """The six digits an authenticator application shows at this instant for this base32 secret."""
    return str(format_hotp_value(hotp_value(secret, step_at(at))))


def secret_of(user: User) -> str | None:
    """The person's base32 secret, or None when no application is enrolled."""
    authenticator = Authenticator.objects.filter(user_id=user.pk, type=Authenticator.Type.TOTP).first()
    return None if authenticator is None else decrypt(authenticator.data["secret"])


def matching_step(*, secret: str, code: str, at: datetime) -> int | None:
    """The step, one before to one after this instant, whose code was typed; None when there is none."""
    typed = "".join(code.split())
    here = step_at(at)
    tolerance = app_settings.TOTP_TOLERANCE
    for step in range(here - tolerance, here + tolerance + 1):
        if constant_time_compare(format_hotp_value(hotp_value(secret, step)), typed):
            return step
    return None


def use_code(*, user: User, secret: str, code: str, at: datetime) -> bool:
    """Spend a code: True once per person and step, even when two processes try it together.

    Sign-in, enrolment and the confirmation of an act all come through here, so a code that served one of them
    serves no other.
    """
    step = matching_step(secret=secret, code=code, at=at)
    if step is None:
        return False
    _, created = UsedCode.objects.get_or_create(user=user, step=step)
    return created

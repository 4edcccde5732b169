"""People of the demonstration. Their second factor comes from a seed of this installation, drawn at the first run."""

import base64
import hmac
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path

from allauth.account.models import EmailAddress
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import totp
from accounts.models import UsedCode, User

SEED_NAME = "demonstration-second-factor.seed"


def totp_secret_for(email: str) -> str:
    """Base32 secret of a person of this installation: the same at each call, different in another installation."""
    digest = hmac.new(_seed(), email.strip().lower().encode(), "sha256").digest()
    return base64.b32encode(digest[:20]).decode()


# What a second call sets right in a person who exists; the rest of the row is others' to write.
DESCRIBED = (
    "first_name",
    "last_name",
    "job_title",
    "is_demonstration",
    "is_active",
    "password",
    "is_password_long",
)


@transaction.atomic
def create_person(
    *,
    email: str,
    first_name: str,
    last_name: str,
    job_title: str,
    password: str | None,
    totp_secret: str | None = None,
) -> User:
    """A fictitious person with a verified address, and an authenticator application when a secret is given.

    Without password nobody can sign in as them; their acts are played by services. Called again for the same
    address, sets the same person right instead of making another; a password they already have stays.
    """
    user = User.objects.filter(email=email.strip().lower()).first() or User(email=email.strip().lower())
    user.first_name, user.last_name, user.job_title = first_name, last_name, job_title
    user.is_demonstration, user.is_active = True, True
    if password is not None:
        user.set_password(password)
    elif user.pk is None:
        user.set_unusable_password()
    user.save(update_fields=None if user.pk is None else DESCRIBED)
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})
    if totp_secret is not None:
        Authenticator.objects.update_or_create(
            user=user, type=Authenticator.Type.TOTP, defaults={"data": {"secret": encrypt(totp_secret)}}
        )
    return user


def current_code(user: User, *, at: datetime | None = None) -> str:
    """A code that this person's application shows around ``at`` (now by default) and that has not served yet.

    The next one (accepted thirty seconds ahead) when the present one was used. Raises ``LookupError`` when both
    were, or when the person has no application.
    """
    secret = totp.secret_of(user)
    if secret is None:
        raise LookupError(f"{user.email} n'a pas d'application de codes")
    here = at or timezone.now()
    for moment in (here, here + timedelta(seconds=app_settings.TOTP_PERIOD)):
        if not UsedCode.objects.filter(user=user, step=totp.step_at(moment)).exists():
            return totp.code_at(secret=secret, at=moment)
    raise LookupError("les deux codes de ce moment ont servi : attendez trente secondes")


def next_free_moment(user: User, *, at: datetime) -> datetime:
    """The first instant from ``at`` on when this person's application shows a code that has not served.

    A play that is played again falls on the same instants of 2021: its people wait for the next code, as anyone would.
    """
    while UsedCode.objects.filter(user=user, step=totp.step_at(at)).exists():
        at += timedelta(seconds=app_settings.TOTP_PERIOD)
    return at


def seconds_left(at: datetime) -> int:
    """Seconds until the application shows another code."""
    period = app_settings.TOTP_PERIOD
    return period - int(at.timestamp()) % period


def _seed() -> bytes:
    path = Path(settings.DATA_DIR) / SEED_NAME
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}.{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_bytes(secrets.token_bytes(32))
        try:
            # Never over an existing seed: of two processes at a first run, the first one wins.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()

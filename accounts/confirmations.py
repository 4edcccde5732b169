"""Confirmation of an act that spends, signs or releases, by a fresh second factor.

A confirmation is bound once to (person, act, SHA-256 of what was shown). It is made before the transaction of the
act (:func:`confirm_act`, or the two functions for a passkey) and used inside it (:func:`consume`). The sign-in
library's own re-authentication is not used: it remembers for minutes and accepts a password.
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth as webauthn
from cryptography.fernet import InvalidToken
from django.core.cache import cache
from django.db import transaction
from fido2.webauthn import UserVerificationRequirement

from accounts import throttle, totp
from accounts.models import Confirmation, User
from accounts.second_factor import UNREADABLE_ANSWER
from core.errors import Refused

logger = logging.getLogger("guichet.accounts")

VALIDITY = timedelta(minutes=5)
WRONG_CODES = 5
WRONG_CODES_SECONDS = 15 * 60

NO_FACTOR = (
    "Cet acte se confirme avec votre seconde vérification, et votre compte n’en a pas encore. "
    "Activez-la dans « Mon compte », puis revenez ici."
)
WRONG_CODE = (
    "Ce code n’est pas le bon ou il a déjà servi. Attendez le code suivant (30 secondes au plus) et saisissez-le."
)
TOO_MANY = (
    "Cinq codes inexacts en quinze minutes : pour votre sécurité, cet acte attend un quart d’heure. "
    "Le reste de votre compte n’est pas touché."
)
WRONG_KEY = "Votre clé d’accès n’a pas été reconnue pour cet acte. Recommencez, ou saisissez un code."
NOT_CONFIRMED = (
    "Cet acte n’est pas confirmé, ou sa confirmation a expiré ou ne porte pas sur ce contenu. "
    "Relisez la page et confirmez avec un nouveau code."
)


def content_digest(content: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, of what a person is shown: same values in any order, same digest.

    Values are texts, whole numbers, booleans, None, or lists and dicts of these; amounts as texts.
    """
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def confirm_act(*, user: User, act: str, content_sha256: str, code: str, at: datetime) -> Confirmation:
    """Confirm with the six digits of an authenticator application, read at the instant ``at``.

    Call it before the transaction of the act: the code is spent and a wrong one counted even if the act fails
    later. Raises :class:`Refused` on field ``confirmation_code``: wrong or used code, no application enrolled,
    or five wrong codes in fifteen minutes for this person and act.
    """
    try:
        secret = totp.secret_of(user)
    except InvalidToken as error:
        logger.exception("second_factor_unreadable", extra={"person": user.pk})
        raise Refused(totp.UNREADABLE, field="confirmation_code") from error
    if secret is None:
        raise Refused(NO_FACTOR, field="confirmation_code")
    taken = _take_try(user, act)
    with transaction.atomic(durable=True):
        accepted = totp.use_code(user=user, secret=secret, code=code, at=at)
        confirmation = _record(user, act, content_sha256, Confirmation.Method.TOTP, at) if accepted else None
    if confirmation is None:
        raise Refused(WRONG_CODE, field="confirmation_code")
    throttle.give_back(taken)
    return confirmation


def begin_webauthn_confirmation(*, user: User, act: str, content_sha256: str, at: datetime) -> dict[str, Any]:
    """Options for ``navigator.credentials.get``, whose challenge commits to (person, act, content).

    The challenge serves once, within five minutes. Raises :class:`Refused` when the person has no passkey.
    """
    credentials = webauthn.get_credentials(user)
    if not credentials:
        raise Refused(NO_FACTOR, field="confirmation_code")
    nonce = secrets.token_bytes(32)
    options, state = webauthn.get_server().authenticate_begin(
        credentials=credentials,
        user_verification=UserVerificationRequirement.PREFERRED,
        challenge=_challenge(nonce, user, act, content_sha256),
    )
    cache.set(_challenge_key(user, act, content_sha256), state, timeout=VALIDITY.total_seconds())
    return dict(options)


def complete_webauthn_confirmation(
    *, user: User, act: str, content_sha256: str, credential: Mapping[str, Any], at: datetime
) -> Confirmation:
    """Confirm with what the browser answered to :func:`begin_webauthn_confirmation` for the same act and content.

    Raises :class:`Refused` on field ``confirmation_code`` when the challenge is missing, used, too old, made for
    something else, or when the signature does not hold.
    """
    taken = _take_try(user, act)
    key = _challenge_key(user, act, content_sha256)
    state = cache.get(key)
    # Deleting is the claim: of two simultaneous answers to one challenge, one finds it gone.
    if state is None or not cache.delete(key):
        raise Refused(WRONG_KEY, field="confirmation_code")
    credentials = webauthn.get_credentials(user)
    try:
        response = webauthn.parse_authentication_response(dict(credential))
        used = webauthn.get_server().authenticate_complete(state, credentials, response)
    except UNREADABLE_ANSWER as error:
        raise Refused(WRONG_KEY, field="confirmation_code") from error
    authenticator = webauthn.get_authenticator_by_credential_id(user, used.credential_id)
    if authenticator is None:
        raise Refused(WRONG_KEY, field="confirmation_code")
    with transaction.atomic(durable=True):
        Authenticator.objects.filter(pk=authenticator.pk).update(last_used_at=at)
        confirmation = _record(user, act, content_sha256, Confirmation.Method.WEBAUTHN, at)
    throttle.give_back(taken)
    return confirmation


def consume(*, user: User, act: str, content_sha256: str, at: datetime) -> Confirmation:
    """Use, once, the person's confirmation of this very act and content; inside the transaction of the act.

    Raises :class:`Refused` when there is none left: expired (five minutes), other act, other content, other
    person, or already used. If the transaction is rolled back the confirmation is as before.
    """
    confirmation = (
        Confirmation.objects.select_for_update()
        .filter(
            user=user,
            act=act,
            content_sha256=content_sha256,
            used_at__isnull=True,
            confirmed_at__lte=at,
            expires_at__gt=at,
        )
        .order_by("pk")
        .first()
    )
    if confirmation is None:
        raise Refused(NOT_CONFIRMED, field="confirmation_code")
    confirmation.used_at = at
    confirmation.save(update_fields=["used_at"])
    return confirmation


def _record(user: User, act: str, content_sha256: str, method: str, at: datetime) -> Confirmation:
    return Confirmation.objects.create(
        user=user,
        act=act,
        content_sha256=content_sha256,
        method=method,
        confirmed_at=at,
        expires_at=at + VALIDITY,
    )


def _take_try(user: User, act: str) -> str:
    taken = throttle.take_try(name=f"confirmation:{user.pk}:{act}", limit=WRONG_CODES, seconds=WRONG_CODES_SECONDS)
    if taken is None:
        raise Refused(TOO_MANY, field="confirmation_code")
    return taken


def _challenge(nonce: bytes, user: User, act: str, content_sha256: str) -> bytes:
    bound = json.dumps([nonce.hex(), user.pk, act, content_sha256])
    return hashlib.sha256(bound.encode()).digest()


def _challenge_key(user: User, act: str, content_sha256: str) -> str:
    bound = json.dumps([user.pk, act, content_sha256])
    return f"accounts.challenge:{hashlib.sha256(bound.encode()).hexdigest()}"

"""Secrets of authenticator applications, encrypted at rest with a key drawn from the site's own secret."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


def seal(text: str) -> str:
    """Encrypt a text so that a copy of the database alone does not reveal it."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """The text given to :func:`seal`, with the present secret or one of ``SECRET_KEY_FALLBACKS``."""
    return _box().decrypt(sealed.encode()).decode()


def seal_again(sealed: str) -> str:
    """The same text under the present secret: unchanged when it already was. Raises ``InvalidToken`` if none reads it."""
    try:
        _box_of(str(settings.SECRET_KEY)).decrypt(sealed.encode())
    except InvalidToken:
        return _box().rotate(sealed.encode()).decode()
    return sealed


def _box() -> MultiFernet:
    secrets = [str(settings.SECRET_KEY), *map(str, settings.SECRET_KEY_FALLBACKS)]
    return MultiFernet([_box_of(secret) for secret in secrets])


def _box_of(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"guichet second factor\0" + secret.encode()).digest()))

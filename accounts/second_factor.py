"""Who holds a second factor, and whether it was shown in this session."""

import struct

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts.models import User

# Recovery codes only stand in for one of these, they are no factor by themselves.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)

# What the sign-in library and the one that reads passkeys raise on an answer that is none: cut bytes, CBOR or JSON
# of another shape, nested without bottom, a key of an unknown kind.
UNREADABLE_ANSWER = (
    ValidationError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    RecursionError,
    NotImplementedError,
    struct.error,
)


def held_factors(user: User) -> set[str]:
    """Kinds of second factor the person has: ``totp``, ``webauthn``, both or none. One query."""
    kinds = Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).values_list("type", flat=True)
    return set(kinds)


def showed_second_factor(request: HttpRequest) -> bool:
    """True when this very session recorded a second factor of the person signed in."""
    if not isinstance(request.user, User):
        return False
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records)

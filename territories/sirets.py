"""SIREN and SIRET: their key, and the fictitious numbers of the demonstration."""

import re
import zlib

from django.core.exceptions import ValidationError
from stdnum import luhn
from stdnum.exceptions import ValidationError as InvalidNumber
from stdnum.fr import siren as siren_number
from stdnum.fr import siret as siret_number

_SPACES = re.compile(r"[\s.\-\u00a0\u202f]")


def compact(number: str) -> str:
    """The digits of a SIREN or SIRET typed with spaces, dots or hyphens."""
    return _SPACES.sub("", number)


def validate_siren(value: str) -> None:
    """Raises ValidationError with a French message unless ``value`` is a SIREN whose key is right."""
    digits = compact(value)
    if not re.fullmatch(r"[0-9]{9}", digits):
        raise ValidationError("Un SIREN compte 9 chiffres.", code="siren_length")
    try:
        siren_number.validate(digits)
    except InvalidNumber as error:
        raise ValidationError(
            "Ce SIREN n’est pas valide : sa clé de contrôle est fausse. Vérifiez les chiffres saisis.",
            code="siren_key",
        ) from error


def validate_siret(value: str) -> None:
    """Raises ValidationError with a French message unless ``value`` is a SIRET whose key is right.

    The offices of La Poste have a key of their own, which the library knows.
    """
    digits = compact(value)
    if not re.fullmatch(r"[0-9]{14}", digits):
        raise ValidationError("Un SIRET compte 14 chiffres.", code="siret_length")
    try:
        siret_number.validate(digits)
    except InvalidNumber as error:
        raise ValidationError(
            "Ce SIRET n’est pas valide : sa clé de contrôle est fausse. Vérifiez les chiffres saisis.",
            code="siret_key",
        ) from error


def fictitious_siret(siren: str, office: int = 1) -> str:
    """A SIRET with a right key for ``siren``: the demonstration's, whoever stores it marks it as fictitious."""
    base = f"{siren}{office:04d}"
    return base + luhn.calc_check_digit(base)


def fictitious_siren(seed: str) -> str:
    """A number with the key of a SIREN, always the same for ``seed``, for authorities whose SIREN is unknown.

    It begins with 99, which no register gives to a local authority (their numbers begin with 2).
    """
    base = f"99{zlib.crc32(seed.encode()) % 1_000_000:06d}"
    return base + luhn.calc_check_digit(base)

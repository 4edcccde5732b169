"""Bank details as typed: an account is checked by its key, a bank by its code."""

import schwifty
from schwifty.exceptions import (
    InvalidAccountCode,
    InvalidChecksumDigits,
    InvalidCountryCode,
    InvalidLength,
    SchwiftyException,
)

from core.errors import Refused

# A local authority's funds lie with the Treasury, whose accounts are French, overseas too (loi organique n° 2001-692,
# art. 26): the code of Monaco, or of an overseas territory, is never that of such an account.
NOT_FRENCH = (
    "L’IBAN d’une collectivité commence par FR, outre-mer compris\u00a0: son compte est tenu par le Trésor public. "
    "Recopiez-le depuis votre relevé d’identité bancaire."
)


def read_iban(text: str) -> str:
    """The IBAN without its spaces. Refused on field ``iban`` when its length, country (not FR) or key is wrong."""
    try:
        iban = schwifty.IBAN(text, validate_bban=False)
    except InvalidLength as error:
        raise Refused(
            "Cet IBAN n’a pas le bon nombre de caractères\u00a0: un IBAN français en compte 27.", field="iban"
        ) from error
    except InvalidCountryCode as error:
        raise Refused(NOT_FRENCH, field="iban") from error
    except InvalidChecksumDigits as error:
        raise Refused(
            "Cet IBAN n’est pas valide\u00a0: sa clé de contrôle est fausse. "
            "Recopiez-le depuis votre relevé d’identité bancaire.",
            field="iban",
        ) from error
    except (InvalidAccountCode, SchwiftyException, ValueError) as error:
        raise Refused(
            "Cet IBAN n’est pas valide. Recopiez-le depuis votre relevé d’identité bancaire.", field="iban"
        ) from error
    if iban.country_code != "FR":
        raise Refused(NOT_FRENCH, field="iban")
    if not _has_french_key(iban.bban):
        raise Refused(
            "Cet IBAN n’est pas valide\u00a0: la clé du compte (les deux derniers chiffres) est fausse.", field="iban"
        )
    return str(iban.compact)


def _has_french_key(bban: str) -> bool:
    """The two digits that end a French account number, over bank, branch and account."""
    values = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "12345678912345678923456789")
    bank, branch, account, key = bban[:5], bban[5:10], bban[10:21].translate(values), bban[21:]
    if not (bank + branch + account + key).isdigit():
        return False
    return (89 * int(bank) + 15 * int(branch) + 3 * int(account)) % 97 == 97 - int(key)


def read_bic(text: str) -> str:
    """The BIC without its spaces. Refused on field ``bic`` when it is not one."""
    try:
        return str(schwifty.BIC(text).compact)
    except (SchwiftyException, ValueError) as error:
        raise Refused("Un BIC compte 8 ou 11 caractères, par exemple BDFEFRPPCCT.", field="bic") from error


def shown_iban(iban: str, *, masked: bool = False) -> str:
    """« FR76 3000 1007 9412 3456 7890 185 », or only its beginning and end when ``masked``."""
    if not iban:
        return ""
    if masked:
        return f"{iban[:4]} •••• •••• {iban[-3:]}"
    return " ".join(iban[start : start + 4] for start in range(0, len(iban), 4))

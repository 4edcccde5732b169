"""From trust material to the validation contexts of pyHanko; never any network."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from asn1crypto import crl, x509
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import RevokedError

from core.signing.pki import TrustMaterial


def validation_context(
    trust: TrustMaterial,
    *,
    moment: datetime | None = None,
    more_certificates: Iterable[x509.Certificate] = (),
    more_crls: Iterable[bytes] = (),
    require_revocation: bool = False,
) -> ValidationContext:
    """Judge certificates at ``moment`` (now if None), with what is given and nothing else.

    With ``require_revocation`` a certificate whose state no list tells is not trusted. Lists
    published after ``moment`` are heard too: this infrastructure has no suspension, so what a
    later list does not revoke was not revoked before.
    """
    return ValidationContext(
        trust_roots=[x509.Certificate.load(data) for data in trust.roots],
        other_certs=[
            *(x509.Certificate.load(data) for data in trust.intermediates),
            *more_certificates,
        ],
        crls=[crl.CertificateList.load(data) for data in (*trust.crls, *more_crls)],
        ocsps=[],
        moment=moment,
        allow_fetching=False,
        revocation_mode="require" if require_revocation else "soft-fail",
        retroactive_revinfo=True,
    )


async def is_revoked(
    certificate: x509.Certificate,
    trust: TrustMaterial,
    *,
    moment: datetime | None = None,
    more_certificates: Iterable[x509.Certificate] = (),
) -> bool:
    """Tell whether a known list revokes ``certificate`` or one above it, as of ``moment``.

    Asked apart, because the library looks at no list when the certificate names no address
    for one, unless every certificate must have its list.
    """
    if not trust.crls:
        return False
    context = validation_context(trust, moment=moment, more_certificates=more_certificates, require_revocation=True)
    try:
        await CertificateValidator(certificate, validation_context=context).async_validate_path()
    except RevokedError:
        return True
    except Exception:
        # No path, or no list for it: that is judged, and said, elsewhere.
        return False
    return False

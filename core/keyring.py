"""Which keys and authorities this installation uses, from its settings.

Without configuration: the demonstration's own infrastructure, made at first use under ``PKI_DIR``.
"""

from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from core.signing.keys import Pkcs11Source, Pkcs12Source, SignerSource, parse_certificates
from core.signing.pki import DemonstrationPki, TrustMaterial
from core.signing.timestamps import HttpTimestampSource, LocalTimestampSource, TimestampSource


@cache
def demonstration_pki() -> DemonstrationPki:
    """The infrastructure of the demonstration. Raises ImproperlyConfigured where it is switched off."""
    if not settings.DEMONSTRATION_PKI:
        raise ImproperlyConfigured("The demonstration PKI is off: set the keys and authorities of this installation.")
    return DemonstrationPki(Path(settings.PKI_DIR))


def seal_source() -> SignerSource:
    """Key of the State's seal: PKCS#11 device, PKCS#12 file, or the demonstration's."""
    if settings.SEAL_PKCS11_MODULE:
        return Pkcs11Source(
            module=Path(settings.SEAL_PKCS11_MODULE),
            token_label=settings.SEAL_PKCS11_TOKEN,
            pin=settings.SEAL_PKCS11_PIN,
            key_label=settings.SEAL_PKCS11_KEY,
            chain=_certificates(settings.TRUST_INTERMEDIATES),
        )
    if settings.SEAL_PKCS12:
        return Pkcs12Source(Path(settings.SEAL_PKCS12), settings.SEAL_PASSPHRASE.encode())
    return demonstration_pki().seal_source()


def person_source(*, person_id: int, common_name: str, organisation: str) -> SignerSource:
    """Key of a signing person: the file ``<person id>.p12`` of ``PERSON_KEYS_DIR``, or the demonstration's.

    A person's key is theirs alone; nobody signs with another's. Raises ImproperlyConfigured when there is none.
    """
    if settings.PERSON_KEYS_DIR:
        path = Path(settings.PERSON_KEYS_DIR) / f"{person_id}.p12"
        secret = path.with_suffix(".passphrase")
        if not path.exists() or not secret.exists():
            raise ImproperlyConfigured(f"No signing key for person {person_id}")
        return Pkcs12Source(path, secret.read_bytes().strip())
    return demonstration_pki().person_source(str(person_id), common_name=common_name, organisation=organisation)


def timestamp_source() -> TimestampSource:
    """The RFC 3161 authority: by HTTP when configured, else the demonstration's own."""
    if settings.TIMESTAMP_URL:
        return HttpTimestampSource(
            settings.TIMESTAMP_URL, username=settings.TIMESTAMP_USER, password=settings.TIMESTAMP_PASSWORD
        )
    return LocalTimestampSource(demonstration_pki().timestamp_source())


def trust_material() -> TrustMaterial:
    """What verification trusts: configured roots, and the demonstration's while it is on."""
    roots = _certificates(settings.TRUST_ROOTS)
    intermediates = _certificates(settings.TRUST_INTERMEDIATES)
    crls: tuple[bytes, ...] = tuple(Path(path).read_bytes() for path in settings.TRUST_CRLS)
    if settings.DEMONSTRATION_PKI:
        own = demonstration_pki().trust()
        return TrustMaterial(
            roots=(*roots, *own.roots),
            intermediates=(*intermediates, *own.intermediates),
            crls=(*crls, *own.crls),
        )
    return TrustMaterial(roots=roots, intermediates=intermediates, crls=crls)


def _certificates(paths: list[str]) -> tuple[bytes, ...]:
    encoded = [Path(path).read_bytes() for path in paths]
    return tuple(certificate.dump() for certificate in parse_certificates(encoded))

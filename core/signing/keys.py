"""Where the key of a seal or of a person lives, and how to use it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from asn1crypto import x509
from pyhanko.config.pkcs11 import TokenCriteria
from pyhanko.keys import load_certs_from_pemder_data
from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session
from pyhanko.sign.signers import Signer, SimpleSigner


class SigningError(Exception):
    """The act was not done; nothing of it exists."""


class SigningKeyError(SigningError):
    """The key or its certificate cannot be read; the message holds no secret."""


@dataclass(frozen=True)
class Pkcs12Source:
    """A key and its certificate in a PKCS#12 file."""

    path: Path
    passphrase: bytes = field(repr=False)


@dataclass(frozen=True)
class Pkcs11Source:
    """A key that never leaves its device, reached through the PKCS#11 module of its maker.

    ``certificate_label`` defaults to ``key_label``; ``chain`` holds the DER or PEM
    certificates of the authorities above, which devices seldom store.
    """

    module: Path
    token_label: str
    pin: str = field(repr=False)
    key_label: str
    certificate_label: str = ""
    chain: tuple[bytes, ...] = ()


SignerSource = Pkcs12Source | Pkcs11Source


@contextmanager
def open_signer(source: SignerSource) -> Iterator[Signer]:
    """Give a signer for the time of the block; SigningKeyError when the key cannot be used."""
    if isinstance(source, Pkcs12Source):
        yield _open_pkcs12(source)
        return
    try:
        session = open_pkcs11_session(
            str(source.module),
            token_criteria=TokenCriteria(label=source.token_label),
            user_pin=source.pin,
        )
    except Exception as error:
        raise SigningKeyError(f"PKCS#11 token {source.token_label!r}: {type(error).__name__}") from error
    try:
        yield PKCS11Signer(
            session,
            cert_label=source.certificate_label or source.key_label,
            key_label=source.key_label,
            ca_chain=parse_certificates(source.chain),
        )
    finally:
        session.close()


def _open_pkcs12(source: Pkcs12Source) -> SimpleSigner:
    try:
        return SimpleSigner.load_pkcs12_data(source.path.read_bytes(), other_certs=[], passphrase=source.passphrase)
    except (OSError, ValueError) as error:
        raise SigningKeyError(f"PKCS#12 file {source.path.name}: cannot be opened") from error


def parse_certificates(encoded: Sequence[bytes]) -> list[x509.Certificate]:
    """Read DER or PEM certificates."""
    return [certificate for data in encoded for certificate in load_certs_from_pemder_data(data)]


def common_name_of(source: SignerSource) -> str:
    """Name in the certificate of ``source``; SigningKeyError when it holds none."""
    with open_signer(source) as signer:
        if signer.signing_cert is None:
            raise SigningKeyError("the key has no certificate")
        return str(signer.signing_cert.subject.native.get("common_name", ""))

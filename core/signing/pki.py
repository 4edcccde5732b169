"""A public key infrastructure for demonstrations, made in a directory at first use.

A root, an authority below it, the certificate of a seal, that of a timestamp authority, and
one certificate per signing person, made on demand. All of them say « démonstration » in their
subject, carry no policy and no qualified statement of compliance, and prove nothing to anyone
who does not choose to trust this root.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from core.signing.keys import Pkcs12Source

ORGANISATION = "Guichet — démonstration"
ROOT_NAME = "Guichet — démonstration — autorité racine"
AUTHORITY_NAME = "Guichet — démonstration — autorité de certification"
SEAL_NAME = "Cachet de l’État — démonstration"
TIMESTAMP_NAME = "Guichet — démonstration — autorité d’horodatage"

CA_BITS, LEAF_BITS = 3072, 2048
CA_VALIDITY = timedelta(days=365 * 30)
LEAF_VALIDITY = timedelta(days=365 * 15)
# A clock set a little late on another machine must not make a new certificate invalid.
BACKDATING = timedelta(days=1)
CRL_VALIDITY = timedelta(days=30)
CRL_RENEWAL = timedelta(days=1)

QC_STATEMENTS = ObjectIdentifier("1.3.6.1.5.5.7.1.3")
# ETSI EN 319 412-5: id-etsi-qcs-QcType holding id-etsi-qct-esign (1) or id-etsi-qct-eseal (2),
# that is « for a signature » or « for a seal », without the statement that it is qualified.
QC_TYPE = {
    "signature": bytes.fromhex("30153013060604008e4601063009060704008e46010601"),
    "seal": bytes.fromhex("30153013060604008e4601063009060704008e46010602"),
}


@dataclass(frozen=True)
class TrustMaterial:
    """What a verifier trusts (``roots``) and knows (``intermediates``, ``crls``), all in DER."""

    roots: tuple[bytes, ...]
    intermediates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class _Authority:
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


class DemonstrationPki:
    """The infrastructure kept in ``directory``; every method creates what is missing.

    Safe when several processes begin at once: a lock on a file makes them take turns, and a
    set of authorities appears whole, by a rename, or not at all.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._authority = directory / "authority"
        self._persons = directory / "persons"

    # Public -------------------------------------------------------------------------------

    def ensure(self) -> None:
        """Create the directory, the authorities, the seal and the timestamp keys if absent."""
        if (self._authority / "passphrase").exists():
            return
        with self._locked():
            if self._authority.exists():
                return
            draft = self.directory / f"authority.{os.getpid()}.draft"
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(mode=0o700)
            self._create_authorities(draft)
            draft.rename(self._authority)

    def seal_source(self) -> Pkcs12Source:
        """Key of the organisation's seal."""
        self.ensure()
        return Pkcs12Source(self._authority / "seal.p12", self._passphrase())

    def timestamp_source(self) -> Pkcs12Source:
        """Key of the timestamp authority."""
        self.ensure()
        return Pkcs12Source(self._authority / "timestamp.p12", self._passphrase())

    def person_source(self, person_id: str, *, common_name: str, organisation: str) -> Pkcs12Source:
        """Key of a person, made at the first call.

        ``person_id`` is stable and opaque; another name or organisation of the same person
        gives another certificate, and the earlier one stays.
        """
        self.ensure()
        identity = json.dumps([person_id, common_name, organisation]).encode()
        path = self._persons / f"{hashlib.sha256(identity).hexdigest()[:40]}.p12"
        if not path.exists():
            with self._locked():
                if not path.exists():
                    self._create_person(path, person_id, common_name, organisation)
        return Pkcs12Source(path, self._passphrase())

    def trust(self) -> TrustMaterial:
        """Root, intermediate certificate and revocation lists not older than a day."""
        self.ensure()
        return TrustMaterial(
            roots=(_der(self._certificate("root")),),
            intermediates=(_der(self._certificate("intermediate")),),
            crls=(self._crl("root"), self._crl("intermediate")),
        )

    def revoke(self, source: Pkcs12Source, *, at: datetime | None = None) -> None:
        """Revoke the certificate of a seal, person or timestamp authority from ``at`` (now).

        Revoked twice, it is so from the earlier instant.
        """
        serial = str(_load(source.path, source.passphrase).certificate.serial_number)
        with self._locked():
            path = self._authority / "revoked.json"
            revoked = json.loads(path.read_text()) if path.exists() else {}
            since = (at or datetime.now(UTC)).astimezone(UTC).isoformat()
            revoked[serial] = min(since, revoked.get(serial, since))
            _write(path, json.dumps(revoked).encode())
            self._publish_crl("intermediate")

    # Files --------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _passphrase(self) -> bytes:
        return (self._authority / "passphrase").read_bytes()

    def _load(self, name: str) -> _Authority:
        return _load(self._authority / f"{name}.p12", self._passphrase())

    def _certificate(self, name: str) -> x509.Certificate:
        return x509.load_der_x509_certificate((self._authority / f"{name}.cer").read_bytes())

    # Creation -----------------------------------------------------------------------------

    def _create_authorities(self, draft: Path) -> None:
        passphrase = secrets.token_urlsafe(32).encode()
        root_key = rsa.generate_private_key(65537, CA_BITS)
        root = _issue(_name(ROOT_NAME), root_key, None, CA_VALIDITY, _ca_extensions(1))
        key = rsa.generate_private_key(65537, CA_BITS)
        above = _Authority(root, root_key)
        intermediate = _issue(_name(AUTHORITY_NAME), key, above, CA_VALIDITY, _ca_extensions(0))
        authority = _Authority(intermediate, key)
        seal = _seal_leaf(authority)
        timestamp = _timestamp_leaf(authority)
        chain = [intermediate, root]
        for name, owner in (
            ("root", above),
            ("intermediate", authority),
            ("seal", seal),
            ("timestamp", timestamp),
        ):
            above_it = [item for item in chain if item is not owner.certificate]
            _write(draft / f"{name}.p12", _pack(owner, above_it, passphrase))
            _write(draft / f"{name}.cer", _der(owner.certificate))
        _write(draft / "passphrase", passphrase)

    def _create_person(self, path: Path, person_id: str, common_name: str, organisation: str) -> None:
        self._persons.mkdir(mode=0o700, exist_ok=True)
        key = rsa.generate_private_key(65537, LEAF_BITS)
        reference = hashlib.sha256(person_id.encode()).hexdigest()[:16]
        subject = _name(
            _fit(common_name),
            (NameOID.ORGANIZATIONAL_UNIT_NAME, _fit(organisation)),
            (NameOID.SERIAL_NUMBER, f"GUICHET-{reference}"),
        )
        authority = self._load("intermediate")
        certificate = _issue(subject, key, authority, LEAF_VALIDITY, _leaf_extensions("signature"))
        chain = [authority.certificate, self._certificate("root")]
        _write(path, _pack(_Authority(certificate, key), chain, self._passphrase()))

    # Revocation lists ---------------------------------------------------------------------

    def _crl(self, name: str) -> bytes:
        path = self._authority / f"{name}.crl"
        if _is_stale(path):
            with self._locked():
                if _is_stale(path):
                    self._publish_crl(name)
        return path.read_bytes()

    def _publish_crl(self, name: str) -> None:
        authority = self._load(name)
        now = datetime.now(UTC).replace(microsecond=0)
        revoked_path = self._authority / "revoked.json"
        revoked: dict[str, str] = {}
        if name == "intermediate" and revoked_path.exists():
            revoked = json.loads(revoked_path.read_text())
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(authority.certificate.subject)
            .last_update(now)
            .next_update(now + CRL_VALIDITY)
            .add_extension(_authority_identifier(authority), critical=False)
            .add_extension(x509.CRLNumber(int(now.timestamp())), critical=False)
        )
        for serial, since in revoked.items():
            entry = x509.RevokedCertificateBuilder().serial_number(int(serial))
            entry = entry.revocation_date(datetime.fromisoformat(since))
            builder = builder.add_revoked_certificate(entry.build())
        crl = builder.sign(authority.key, hashes.SHA256())
        encoded = crl.public_bytes(serialization.Encoding.DER)
        _write(self._authority / f"{name}.crl", encoded)


def _is_stale(path: Path) -> bool:
    # The date of the list itself: the file's own changes when it is copied or restored.
    if not path.exists():
        return True
    published = x509.load_der_x509_crl(path.read_bytes()).last_update_utc
    return not timedelta(0) <= datetime.now(UTC) - published < CRL_RENEWAL


def _write(path: Path, data: bytes) -> None:
    """Write whole or not at all, readable by its owner only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    draft.rename(path)


def _load(path: Path, passphrase: bytes) -> _Authority:
    key, certificate, _ = pkcs12.load_key_and_certificates(path.read_bytes(), passphrase)
    if certificate is None or not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{path.name} holds no key and certificate")
    return _Authority(certificate, key)


def _pack(owner: _Authority, chain: list[x509.Certificate], passphrase: bytes) -> bytes:
    return pkcs12.serialize_key_and_certificates(
        b"guichet",
        owner.key,
        owner.certificate,
        chain,
        serialization.BestAvailableEncryption(passphrase),
    )


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


# Certificates ---------------------------------------------------------------------------

Extension = tuple[x509.ExtensionType, bool]


def _name(common_name: str, *more: tuple[ObjectIdentifier, str]) -> x509.Name:
    pairs = [
        (NameOID.COUNTRY_NAME, "FR"),
        (NameOID.ORGANIZATION_NAME, ORGANISATION),
        *more,
        (NameOID.COMMON_NAME, common_name),
    ]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in pairs])


def _fit(text: str) -> str:
    """Cut to the 64 bytes of UTF-8 that such an attribute may hold, between two letters."""
    return text.encode()[:64].decode(errors="ignore").strip()


def _issue(
    subject: x509.Name,
    key: rsa.RSAPrivateKey,
    issuer: _Authority | None,
    validity: timedelta,
    extensions: list[Extension],
) -> x509.Certificate:
    """Certify ``key``; without ``issuer`` the certificate signs itself."""
    now = datetime.now(UTC).replace(microsecond=0)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATING)
        .not_valid_after(now + validity)
        .add_extension(identifier, critical=False)
    )
    if issuer:
        builder = builder.add_extension(_authority_identifier(issuer), critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def _authority_identifier(issuer: _Authority) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier.value)


def _usage(*granted: str) -> Extension:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{name: name in granted for name in names}), True


def _ca_extensions(path_length: int) -> list[Extension]:
    return [
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        _usage("key_cert_sign", "crl_sign"),
    ]


def _leaf_extensions(kind: str) -> list[Extension]:
    return [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        _usage("digital_signature", "content_commitment"),
        (x509.UnrecognizedExtension(QC_STATEMENTS, QC_TYPE[kind]), False),
    ]


def _seal_leaf(authority: _Authority) -> _Authority:
    key = rsa.generate_private_key(65537, LEAF_BITS)
    subject = _name(SEAL_NAME, (NameOID.ORGANIZATION_IDENTIFIER, "NTRFR-DEMONSTRATION"))
    certificate = _issue(subject, key, authority, LEAF_VALIDITY, _leaf_extensions("seal"))
    return _Authority(certificate, key)


def _timestamp_leaf(authority: _Authority) -> _Authority:
    key = rsa.generate_private_key(65537, LEAF_BITS)
    extensions: list[Extension] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        _usage("digital_signature"),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True),
    ]
    certificate = _issue(_name(TIMESTAMP_NAME), key, authority, LEAF_VALIDITY, extensions)
    return _Authority(certificate, key)

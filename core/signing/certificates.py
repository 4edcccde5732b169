"""What a certificate says of its holder."""

from __future__ import annotations

from asn1crypto import x509
from pyhanko.sign.ades.qualified_asn1 import get_qc_statements

from core.signing.report import SignatureKind


def kind_of_certificate(certificate: x509.Certificate) -> SignatureKind:
    """Tell a person's signature from an organisation's seal.

    The certificate's own declaration decides (ETSI EN 319 412-5, QcType). Without one, only a
    subject with a surname is a person: a server's certificate makes a seal, never a signature
    (règlement eIDAS, articles 25 et 35).
    """
    for statement in get_qc_statements(certificate):
        if statement["statement_id"].native == "qc_type":
            types = statement["statement_info"].native
            if "qct_esign" in types:
                return SignatureKind.SIGNATURE
            return SignatureKind.SEAL
    is_person = bool(certificate.subject.native.get("surname"))
    return SignatureKind.SIGNATURE if is_person else SignatureKind.SEAL


def describe_certificate(certificate: x509.Certificate) -> dict[str, str]:
    """Name, organisation, unit and issuer of the subject, serial in hexadecimal."""
    subject, issuer = certificate.subject.native, certificate.issuer.native

    def text(name: dict[str, object], key: str) -> str:
        value = name.get(key, "")
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)

    return {
        "signer_name": text(subject, "common_name"),
        "organisation": text(subject, "organization_name"),
        "unit": text(subject, "organizational_unit_name"),
        "issuer": text(issuer, "common_name"),
        "serial": f"{certificate.serial_number:x}",
    }

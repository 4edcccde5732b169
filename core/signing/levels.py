"""PAdES levels (ETSI EN 319 142-1), claimed on the evidence found in the file and no more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import x509
from pyhanko.pdf_utils.misc import PdfReadError
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko_certvalidator import CertificateValidator

from core.signing.pki import TrustMaterial
from core.signing.trust import validation_context


@dataclass(frozen=True)
class LevelEvidence:
    """A level and the sentence that says why it may be claimed; empty without evidence."""

    level: str = ""
    sentence: str = "Aucun niveau PAdES n’est établi."


async def level_of(signature: EmbeddedPdfSignature, timestamp: Any, trust: TrustMaterial) -> LevelEvidence:
    """Level of a valid signature, whose trusted ``timestamp`` is None when it has none."""
    if signature.sig_object["/SubFilter"] != SigSeedSubFilter.PADES.value:
        return LevelEvidence()
    attributes = {attribute["type"].native for attribute in signature.signer_info["signed_attrs"]}
    if not attributes & {"signing_certificate", "signing_certificate_v2"}:
        return LevelEvidence()
    if timestamp is None:
        return LevelEvidence("B-B", "Le certificat du signataire est lié à la signature.")
    moment = timestamp.timestamp
    if await _is_provable_offline(signature, timestamp.signing_cert, moment, trust):
        return LevelEvidence(
            "B-LT",
            "Un jeton d’horodatage reconnu prouve la date, et le fichier porte les certificats "
            "et les listes de révocation qui permettent de le vérifier sans autre source.",
        )
    return LevelEvidence("B-T", "Un jeton d’horodatage reconnu prouve la date.")


async def _is_provable_offline(
    signature: EmbeddedPdfSignature,
    authority: x509.Certificate,
    moment: datetime,
    trust: TrustMaterial,
) -> bool:
    """Both chains, revocation included, hold with the roots and what the revision carries."""
    try:
        history = signature.reader.get_historical_resolver(signature.signed_revision)
        store = DocumentSecurityStore.read_dss(history)
    except (NoDSSFoundError, PdfReadError):
        return False
    if not store.crls:
        return False
    certificates = [*store.load_certs(), *signature.other_embedded_certs]
    crls = [reference.get_object().data for reference in store.crls]
    context = validation_context(
        TrustMaterial(roots=trust.roots),
        moment=moment,
        more_certificates=certificates,
        more_crls=crls,
        require_revocation=True,
    )
    try:
        for certificate in (signature.signer_cert, authority):
            await CertificateValidator(certificate, validation_context=context).async_validate_path()
    except Exception:
        return False
    return True

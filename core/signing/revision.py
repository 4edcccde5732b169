"""Adding one signed revision to a PDF, whoever signs: what a seal and a signature share."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import cms, x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.general import extract_certificate_info
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.signers.pdf_signer import DSSContentSettings, SigDSSPlacementPreference
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.stamp import BaseStampStyle

from core.signing.keys import SignerSource, SigningError, open_signer
from core.signing.levels import level_of
from core.signing.loops import outside_any_loop
from core.signing.pki import TrustMaterial
from core.signing.timestamps import TimestampSource, open_timestamper
from core.signing.trust import validation_context

MD_ALGORITHM = "sha256"

# Two warnings of the library at each act, about choices made on purpose: nothing is fetched,
# and the font needs no registry.
logging.getLogger("pyhanko.sign.signers.pdf_signer").setLevel(logging.ERROR)
logging.getLogger("pyhanko.pdf_utils.font.opentype").setLevel(logging.ERROR)


@dataclass(frozen=True)
class SignedRevision:
    """A new revision and the facts to store with it.

    ``sha256`` and ``length`` are those of the whole file as it now is, ``base_*`` those of the
    bytes it begins with, unchanged. ``timestamp`` is the instant of the token, None without
    one; ``level`` is B-B, B-T or B-LT, by what the revision really holds, and empty for a
    document timestamp, which raises the level of the signatures below it.
    """

    pdf: bytes
    sha256: str
    length: int
    base_sha256: str
    base_length: int
    field_name: str
    signer_subject: str
    signer_name: str
    serial: str
    timestamp: datetime | None
    level: str


def sha256_hex(data: bytes) -> str:
    """SHA-256 in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class RevisionRequest:
    """Everything that ``add_revision`` needs besides the bytes and the key."""

    field_name: str
    stamp: BaseStampStyle
    reason: str
    location: str
    certify: bool
    timestamps: TimestampSource | None
    trust: TrustMaterial | None


@outside_any_loop
def add_revision(pdf: bytes, source: SignerSource, request: RevisionRequest) -> SignedRevision:
    """Sign the empty field of ``request`` in a new revision appended to ``pdf``.

    With a timestamp source the level is B-T; with trust material too, the certificates and
    revocation lists of the signer and of the timestamp authority enter the same revision
    (B-LT). SigningError for anything that goes wrong.
    """
    try:
        with open_signer(source) as signer:
            output = PdfSigner(
                _metadata(request),
                signer,
                timestamper=open_timestamper(request.timestamps) if request.timestamps else None,
                stamp_style=request.stamp,
            ).sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), existing_fields_only=True)
        signed = bytes(output.getvalue())
    except SigningError:
        raise
    except Exception as error:
        raise SigningError(f"{type(error).__name__}: {error}") from error
    return describe_revision(pdf, signed, request.field_name, trust=request.trust)


def _metadata(request: RevisionRequest) -> PdfSignatureMetadata:
    embed = request.trust is not None and request.timestamps is not None
    return PdfSignatureMetadata(
        field_name=request.field_name,
        md_algorithm=MD_ALGORITHM,
        subfilter=SigSeedSubFilter.PADES,
        reason=request.reason or None,
        location=request.location or None,
        certify=request.certify,
        docmdp_permissions=MDPPerm.FILL_FORMS,
        embed_validation_info=embed,
        validation_context=(
            validation_context(request.trust, require_revocation=True) if embed and request.trust else None
        ),
        # In the revision itself, so that the last signature always covers the entire file.
        dss_settings=DSSContentSettings(include_vri=False, placement=SigDSSPlacementPreference.TOGETHER_WITH_SIGNATURE),
    )


@outside_any_loop
def describe_revision(pdf: bytes, signed: bytes, field_name: str, *, trust: TrustMaterial | None) -> SignedRevision:
    """Check that ``signed`` is ``pdf`` and more, and read back the facts of the revision."""
    if not signed.startswith(pdf) or len(signed) == len(pdf):
        raise SigningError("the new revision does not begin with the bytes it signs")
    signature = _find_signature(signed, field_name)
    certificate = signature.signer_cert
    is_document_timestamp = signature.sig_object_type == "/DocTimeStamp"
    token = signature.signed_data if is_document_timestamp else _attached_token(signature)
    timestamp = _Token.read(token) if token is not None else None
    level = ""
    if not is_document_timestamp:
        # Without roots to judge by, no more can be claimed than what the token shows.
        known = trust or TrustMaterial(roots=())
        level = asyncio.run(level_of(signature, timestamp, known)).level
    return SignedRevision(
        pdf=signed,
        sha256=sha256_hex(signed),
        length=len(signed),
        base_sha256=sha256_hex(pdf),
        base_length=len(pdf),
        field_name=field_name,
        signer_subject=certificate.subject.human_friendly,
        signer_name=str(certificate.subject.native.get("common_name", "")),
        serial=f"{certificate.serial_number:x}",
        timestamp=timestamp.timestamp if timestamp else None,
        level=level,
    )


@dataclass(frozen=True)
class _Token:
    """What a token that was just obtained says, and who made it."""

    timestamp: datetime
    signing_cert: x509.Certificate

    @classmethod
    def read(cls, token: cms.SignedData) -> _Token:
        return cls(
            timestamp=token["encap_content_info"]["content"].parsed["gen_time"].native,
            signing_cert=extract_certificate_info(token).signer_cert,
        )


def _find_signature(pdf: bytes, field_name: str) -> EmbeddedPdfSignature:
    for signature in PdfFileReader(io.BytesIO(pdf)).embedded_signatures:
        if signature.field_name == field_name:
            return signature
    raise SigningError(f"no signature in field {field_name!r}")


def _attached_token(signature: EmbeddedPdfSignature) -> cms.SignedData | None:
    return next(extract_tst_data_iter(signature.signer_info, signed=False), None)

"""The rule that accepts or refuses signatures, applied to hostile bytes in a limited process.

Signatures are taken in the order of the end of their byte range. The last one covers the
entire file, which nothing changed since. Each earlier one covers its entire revision, after
which at most forms were filled (at most long-term material was added, where only document
timestamps follow). Any exception refuses.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.generic_cms import extract_tst_data_iter
from pyhanko.sign.validation.pdf_embedded import (
    EmbeddedPdfSignature,
    async_validate_pdf_signature,
    async_validate_pdf_timestamp,
)
from pyhanko.sign.validation.status import SignatureCoverageLevel

from core.signing.certificates import describe_certificate, kind_of_certificate
from core.signing.levels import LevelEvidence, level_of
from core.signing.loops import outside_any_loop
from core.signing.pki import TrustMaterial
from core.signing.report import (
    Finding,
    SignatureKind,
    SignatureReport,
    Verdict,
    finding,
)
from core.signing.trust import is_revoked, validation_context

MAX_SIGNATURES = 20


@dataclass(frozen=True)
class Examination:
    """Findings on the file, reports in order, and the fields nobody signed yet."""

    findings: tuple[Finding, ...]
    signatures: tuple[SignatureReport, ...] = ()
    empty_fields: tuple[str, ...] = ()


@outside_any_loop
def examine(pdf: bytes, trust: TrustMaterial) -> Examination:
    """Judge every signature of ``pdf``; never raises for what the file contains."""
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        if reader.encrypted:
            return Examination((finding("encrypted"),))
        fields = list(enumerate_sig_fields(reader))
        signatures = sorted(reader.embedded_signatures, key=_end)
    except Exception:
        return Examination((finding("unreadable"),))
    filled = [name for name, value, _ in fields if value is not None]
    empty = tuple(str(name) for name, value, _ in fields if value is None)
    if not filled:
        return Examination((finding("no_signature"),), empty_fields=empty)
    if len(filled) > MAX_SIGNATURES:
        return Examination((finding("too_many_signatures"),), empty_fields=empty)
    ends = [_end(signature) for signature in signatures]
    if len(filled) != len(signatures) or len(set(ends)) != len(ends):
        return Examination((finding("unknown_signature_format"),), empty_fields=empty)
    reports = asyncio.run(_judge_all(pdf, signatures, trust))
    return Examination((), tuple(reports), empty)


def _end(signature: EmbeddedPdfSignature) -> int:
    return int(signature.byte_range[2]) + int(signature.byte_range[3])


async def _judge_all(
    pdf: bytes, signatures: Sequence[EmbeddedPdfSignature], trust: TrustMaterial
) -> list[SignatureReport]:
    reports = []
    for index, signature in enumerate(signatures):
        try:
            reports.append(await _judge(pdf, signature, signatures[index + 1 :], trust))
        except Exception:
            reports.append(
                SignatureReport(
                    field_name=str(signature.field_name),
                    kind=_kind(signature),
                    verdict=Verdict.FAILED,
                    findings=(finding("malformed"),),
                )
            )
    return _raise_to_archival(signatures, reports)


def _kind(signature: EmbeddedPdfSignature) -> SignatureKind:
    if signature.sig_object_type == "/DocTimeStamp":
        return SignatureKind.DOCUMENT_TIMESTAMP
    try:
        return kind_of_certificate(signature.signer_cert)
    except Exception:
        # Never say that a person signed without a certificate that says so.
        return SignatureKind.SEAL


async def _judge(
    pdf: bytes,
    signature: EmbeddedPdfSignature,
    later: Sequence[EmbeddedPdfSignature],
    trust: TrustMaterial,
) -> SignatureReport:
    codes = _structure(pdf, signature)
    kind = _kind(signature)
    status, timestamp = await _validate(signature, trust)
    codes += _coverage(status, later)
    codes += _trust(status, timestamp)
    codes += await _revocation(signature, timestamp, trust)
    if not codes and kind is not SignatureKind.DOCUMENT_TIMESTAMP and not status.bottom_line:
        codes.append("not_accepted")
    findings = tuple(finding(code) for code in dict.fromkeys(codes))
    proved = timestamp is not None and not {"invalid_timestamp", "untrusted_timestamp"} & set(codes)
    evidence = LevelEvidence()
    if kind is not SignatureKind.DOCUMENT_TIMESTAMP and status.valid and status.intact:
        evidence = await level_of(signature, timestamp if proved else None, trust)
    declared = getattr(status, "signer_reported_dt", None)
    end = _end(signature)
    return SignatureReport(
        field_name=str(signature.field_name),
        kind=kind,
        verdict=Verdict.worst(item.verdict for item in findings),
        findings=findings,
        **describe_certificate(signature.signer_cert),
        reason=str(signature.sig_object.get("/Reason", "")),
        signed_at=timestamp.timestamp if timestamp is not None and proved else declared,
        is_time_proved=proved,
        time_authority=_common_name(timestamp) if proved else "",
        level=evidence.level,
        level_evidence=evidence.sentence,
        is_intact=bool(status.intact and status.valid),
        is_trusted=bool(status.trusted) and "revoked" not in codes,
        is_certifying="/Reference" in signature.sig_object and signature.docmdp_level is not None,
        coverage=status.coverage.name,
        modification=status.modification_level.name if status.modification_level else "",
        revision_sha256=hashlib.sha256(pdf[:end]).hexdigest(),
        revision_length=end,
    )


def _common_name(timestamp: Any) -> str:
    return str(timestamp.signing_cert.subject.native.get("common_name", ""))


def _structure(pdf: bytes, signature: EmbeddedPdfSignature) -> list[str]:
    """Byte range in two parts around exactly the hexadecimal contents, padded with zeros."""
    ranges = [int(value) for value in signature.byte_range]
    if len(ranges) != 4 or ranges[0] != 0 or min(ranges) < 0:
        return ["partial_coverage"]
    _, hole_start, hole_end, tail = ranges
    if hole_end + tail > len(pdf) or not hole_start < hole_end:
        return ["partial_coverage"]
    hole = pdf[hole_start:hole_end]
    if hole[:1] != b"<" or hole[-1:] != b">":
        return ["partial_coverage"]
    try:
        contents = bytes.fromhex(hole[1:-1].decode("ascii"))
    except ValueError:
        return ["malformed"]
    if contents != signature.pkcs7_content:
        return ["partial_coverage"]
    if contents[_der_length(contents) :].strip(b"\0"):
        return ["malformed"]
    return []


def _der_length(data: bytes) -> int:
    """Length of the first DER value of ``data``, header included."""
    first = data[1]
    if first < 0x80:
        return 2 + first
    size = first & 0x7F
    return 2 + size + int.from_bytes(data[2 : 2 + size], "big")


async def _validate(signature: EmbeddedPdfSignature, trust: TrustMaterial) -> tuple[Any, Any]:
    """Return the status of pyHanko and that of the timestamp that proves its time, if any."""
    now = validation_context(trust)
    if signature.sig_object_type == "/DocTimeStamp":
        document_timestamp = await async_validate_pdf_timestamp(signature, now)
        return document_timestamp, document_timestamp
    # The certificate is judged when the token says it was used. Should the token lie, it is not
    # trusted, and neither is the signature then.
    token = next(extract_tst_data_iter(signature.signer_info, signed=False), None)
    moment = token["encap_content_info"]["content"].parsed["gen_time"].native if token else None
    status = await async_validate_pdf_signature(
        signature,
        signer_validation_context=validation_context(trust, moment=moment),
        ts_validation_context=now,
    )
    return status, status.timestamp_validity


def _coverage(status: Any, later: Sequence[EmbeddedPdfSignature]) -> list[str]:
    level = status.modification_level
    if not later:
        if status.coverage is not SignatureCoverageLevel.ENTIRE_FILE:
            return ["partial_coverage"]
        return [] if level is ModificationLevel.NONE else ["changed_after"]
    if status.coverage is not SignatureCoverageLevel.ENTIRE_REVISION:
        return ["partial_coverage"]
    only_timestamps = all(item.sig_object_type == "/DocTimeStamp" for item in later)
    allowed = ModificationLevel.LTA_UPDATES if only_timestamps else ModificationLevel.FORM_FILLING
    return [] if level is not None and level <= allowed else ["changed_after"]


def _trust(status: Any, timestamp: Any) -> list[str]:
    codes = []
    if not status.intact:
        codes.append("altered")
    elif not status.valid:
        codes.append("invalid")
    elif status.revoked:
        codes.append("revoked")
    elif not status.trusted:
        codes.append("untrusted")
    if timestamp is not None:
        if not (timestamp.valid and timestamp.intact):
            codes.append("invalid_timestamp")
        elif not timestamp.trusted:
            codes.append("untrusted_timestamp")
    return codes


async def _revocation(signature: EmbeddedPdfSignature, timestamp: Any, trust: TrustMaterial) -> list[str]:
    """A signer revoked when they signed, or a timestamp authority revoked since."""
    known = signature.other_embedded_certs
    codes = []
    moment = timestamp.timestamp if timestamp is not None else None
    if timestamp is not None and await is_revoked(timestamp.signing_cert, trust, more_certificates=known):
        # Nothing proves any more that the token was made before.
        codes.append("untrusted_timestamp")
        moment = None
    if signature.sig_object_type != "/DocTimeStamp":
        signer = signature.signer_cert
        if await is_revoked(signer, trust, moment=moment, more_certificates=known):
            codes.append("revoked")
    return codes


def _raise_to_archival(
    signatures: Sequence[EmbeddedPdfSignature], reports: list[SignatureReport]
) -> list[SignatureReport]:
    """B-LT becomes B-LTA below an accepted document timestamp that covers the material."""
    raised = []
    for index, report in enumerate(reports):
        over = [
            later
            for later in reports[index + 1 :]
            if later.kind is SignatureKind.DOCUMENT_TIMESTAMP and later.verdict is Verdict.PASSED
        ]
        if report.level == "B-LT" and over:
            # The material was read in the signature's own revision, which the later one covers.
            report = replace(
                report,
                level="B-LTA",
                level_evidence=f"{report.level_evidence.rstrip('.')}, le tout couvert par un horodatage du document.",
            )
        raised.append(report)
    return raised

"""Verification of a signed file, whoever sends it: always a report, never an exception."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache

from core.pdf.process import LimitedProcess, Limits, ProcessError, ProcessTimeout
from core.signing.pki import TrustMaterial
from core.signing.report import (
    Finding,
    SignatureReport,
    Verdict,
    VerificationReport,
    finding,
    signature_from_json,
)

MAX_SIZE = 25 << 20
TIMEOUT = 20.0


@cache
def _process() -> LimitedProcess:
    return LimitedProcess("core.signing.verify_worker", limits=Limits(memory=1 << 30))


def verify_pdf(
    pdf: bytes,
    *,
    trust: TrustMaterial,
    expected_sha256: str | None = None,
    expected_revisions: Sequence[str] | None = None,
    timeout: float = TIMEOUT,
    max_size: int = MAX_SIZE,
) -> VerificationReport:
    """Apply the rule of ``acceptance``, then compare with what was stored when it was made.

    ``expected_sha256`` is that of the whole file, ``expected_revisions`` those of the file
    after each seal, signature and document timestamp, in order, all in hexadecimal. Without
    either, the report says that nothing was compared: a file cut down to an earlier state of
    itself then passes, for it is what it was. ``timeout`` in seconds, ``max_size`` in bytes.
    """
    findings: list[Finding] = []
    signatures: tuple[SignatureReport, ...] = ()
    empty_fields: tuple[str, ...] = ()
    sha256 = hashlib.sha256(pdf).hexdigest()
    if len(pdf) > max_size:
        findings.append(finding("too_large"))
    elif not pdf.startswith(b"%PDF-"):
        findings.append(finding("not_a_pdf"))
    else:
        codes, signatures, empty_fields = _examine(pdf, trust, timeout)
        findings += map(finding, codes)
    if expected_sha256 is not None and sha256 != expected_sha256.lower():
        findings.append(finding("other_file"))
    if expected_revisions is not None:
        findings += _compare(signatures, expected_revisions)
    if expected_sha256 is None and expected_revisions is None:
        findings.append(finding("not_compared"))
    verdicts = [*(item.verdict for item in findings), *(item.verdict for item in signatures)]
    return VerificationReport(
        verdict=Verdict.worst(verdicts),
        sha256=sha256,
        length=len(pdf),
        findings=tuple(findings),
        signatures=signatures,
        empty_fields=empty_fields,
    )


def _examine(
    pdf: bytes, trust: TrustMaterial, timeout: float
) -> tuple[list[str], tuple[SignatureReport, ...], tuple[str, ...]]:
    header = {
        "roots": len(trust.roots),
        "intermediates": len(trust.intermediates),
        "crls": len(trust.crls),
    }
    blobs = [pdf, *trust.roots, *trust.intermediates, *trust.crls]
    try:
        answer, _ = _process().call(header, blobs, timeout=timeout)
        signatures = tuple(map(signature_from_json, answer["signatures"]))
    except ProcessTimeout:
        return ["timeout"], (), ()
    except ProcessError:
        return ["unreadable"], (), ()
    return answer["findings"], signatures, tuple(answer["empty_fields"])


def _compare(signatures: Sequence[SignatureReport], expected: Sequence[str]) -> list[Finding]:
    codes = []
    if len(signatures) < len(expected):
        codes.append("missing_revision")
    if len(signatures) > len(expected):
        codes.append("added_revision")
    for report, sha256 in zip(signatures, expected, strict=False):
        if report.revision_sha256 != sha256.lower():
            codes.append("other_revision")
    return [finding(code) for code in dict.fromkeys(codes)]

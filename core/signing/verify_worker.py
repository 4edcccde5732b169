"""The process that reads files of unknown origin: ``python -m core.signing.verify_worker``."""

from __future__ import annotations

from typing import Any

from core.pdf.process import Frame, serve
from core.signing.acceptance import examine
from core.signing.pki import TrustMaterial
from core.signing.report import signature_to_json


def handle(header: dict[str, Any], blobs: list[bytes]) -> Frame:
    """Examine one file; see ``verify.verify_pdf`` for the contract."""
    roots, intermediates, crls = (int(header[key]) for key in ("roots", "intermediates", "crls"))
    pdf, *rest = blobs
    trust = TrustMaterial(
        roots=tuple(rest[:roots]),
        intermediates=tuple(rest[roots : roots + intermediates]),
        crls=tuple(rest[roots + intermediates : roots + intermediates + crls]),
    )
    examination = examine(pdf, trust)
    return {
        "findings": [item.code for item in examination.findings],
        "signatures": [signature_to_json(report) for report in examination.signatures],
        "empty_fields": list(examination.empty_fields),
    }, []


if __name__ == "__main__":
    serve(handle)

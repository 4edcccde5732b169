"""Signatures of persons, and document timestamps, over bytes that never change."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.signers import PdfTimeStamper
from pyhanko.sign.signers.pdf_signer import TimestampDSSContentSettings

from core.signing.keys import SignerSource, common_name_of
from core.signing.loops import outside_any_loop
from core.signing.pki import TrustMaterial
from core.signing.revision import (
    MD_ALGORITHM,
    RevisionRequest,
    SignedRevision,
    SigningError,
    add_revision,
    describe_revision,
)
from core.signing.seal import field_box
from core.signing.stamps import spoken_instant, stamp_style
from core.signing.timestamps import TimestampSource, open_timestamper
from core.signing.trust import validation_context


def sign(
    pdf: bytes,
    field_name: str,
    signer: SignerSource,
    *,
    capacity: str = "",
    reason: str = "",
    location: str = "",
    timestamps: TimestampSource | None = None,
    trust: TrustMaterial | None = None,
) -> SignedRevision:
    """Sign the empty field ``field_name`` in a revision appended to ``pdf``.

    The visible stamp says « Signé par » with the name of the certificate, then ``capacity``
    (« maire de … »), then the instant. Level by what is given: see ``add_revision``.
    SigningError when the field is absent or taken, or when key or timestamp fail.
    """
    box = field_box(pdf, field_name)
    name = common_name_of(signer)
    lines = (f"Signé par {name}", capacity, f"le {spoken_instant(datetime.now(UTC))}")
    return add_revision(
        pdf,
        signer,
        RevisionRequest(
            field_name=field_name,
            stamp=stamp_style(lines, box),
            reason=reason,
            location=location,
            certify=False,
            timestamps=timestamps,
            trust=trust,
        ),
    )


@outside_any_loop
def add_document_timestamp(
    pdf: bytes, *, field_name: str, timestamps: TimestampSource, trust: TrustMaterial
) -> SignedRevision:
    """Seal time over everything signed so far: with B-LT signatures below, level B-LTA.

    The validation material of the timestamp authority enters the same revision.
    """
    try:
        output = PdfTimeStamper(
            open_timestamper(timestamps),
            field_name=field_name,
            readable_field_name="Horodatage du document",
        ).timestamp_pdf(
            IncrementalPdfFileWriter(io.BytesIO(pdf)),
            MD_ALGORITHM,
            validation_context(trust, require_revocation=True),
            dss_settings=TimestampDSSContentSettings(include_vri=False, update_before_ts=True),
        )
        stamped = bytes(output.getvalue())
    except SigningError:
        raise
    except Exception as error:
        raise SigningError(f"{type(error).__name__}: {error}") from error
    return describe_revision(pdf, stamped, field_name, trust=trust)

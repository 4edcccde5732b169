"""The seal of an organisation: it certifies the document before anyone signs it."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import enumerate_sig_fields

from core.signing.keys import SignerSource
from core.signing.pki import TrustMaterial
from core.signing.revision import RevisionRequest, SignedRevision, SigningError, add_revision
from core.signing.stamps import spoken_instant, stamp_style
from core.signing.timestamps import TimestampSource


def field_box(pdf: bytes, field_name: str) -> tuple[float, float, float, float]:
    """Rectangle in points of an empty field; SigningError when absent or already signed."""
    try:
        for name, value, reference in enumerate_sig_fields(PdfFileReader(io.BytesIO(pdf))):
            if name == field_name:
                if value is not None:
                    raise SigningError(f"field {field_name!r} is already signed")
                left, low, right, high = (float(x) for x in reference.get_object()["/Rect"])
                return left, low, right, high
    except SigningError:
        raise
    except Exception as error:
        raise SigningError(f"unreadable file: {error}") from error
    raise SigningError(f"no field {field_name!r}: fields are created before the seal")


def seal(
    pdf: bytes,
    *,
    field_name: str,
    signer: SignerSource,
    timestamps: TimestampSource | None = None,
    trust: TrustMaterial | None = None,
    owner: str = "",
    title: str = "Cachet de l’État",
    reason: str = "",
    location: str = "",
) -> SignedRevision:
    """Certify ``pdf``: from now on only filling and signing its fields is allowed (DocMDP 2).

    ``owner`` is the service named under the title of the visible stamp, which never says
    « signature ». Level by what is given: see ``add_revision``. SigningError when a field is
    missing, when someone signed before, or when key or timestamp fail.
    """
    box = field_box(pdf, field_name)
    if next(iter(PdfFileReader(io.BytesIO(pdf)).embedded_signatures), None) is not None:
        raise SigningError("a seal comes before any signature")
    lines = (title, owner, f"apposé le {spoken_instant(datetime.now(UTC))}")
    return add_revision(
        pdf,
        signer,
        RevisionRequest(
            field_name=field_name,
            stamp=stamp_style(lines, box),
            reason=reason,
            location=location,
            certify=True,
            timestamps=timestamps,
            trust=trust,
        ),
    )

"""Signature fields, all created before the first of them is used.

A document that is certified allows filling and signing, never new fields: whoever signs later
finds a place kept for them, and nobody else does.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, append_signature_field, enumerate_sig_fields

from core.signing.keys import SigningError

MIN_WIDTH, MIN_HEIGHT = 110.0, 45.0


@dataclass(frozen=True)
class FieldSpec:
    """A visible signature field: points from the bottom left, page -1 is the last.

    ``label`` is read aloud by assistive technologies: say whose field it is, in French.
    """

    name: str
    box: tuple[float, float, float, float]
    label: str
    page: int = -1

    def __post_init__(self) -> None:
        left, low, right, high = self.box
        if right - left < MIN_WIDTH or high - low < MIN_HEIGHT:
            raise ValueError(f"field {self.name}: too small for a readable stamp")
        if not self.label.strip() or not self.name.isidentifier():
            raise ValueError("a field has an identifier for name, and a label")


def prepare_fields(pdf: bytes, fields: Sequence[FieldSpec]) -> bytes:
    """Return ``pdf`` with empty signature fields; SigningError when it has some already.

    The fields stay outside the structure tree: a widget that the tree refers to cannot be
    signed without validators seeing a change of the tree. Their label, and the text that the
    page prints beside them, say whose they are.
    """
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        if next(enumerate_sig_fields(reader), None) is not None:
            raise SigningError("the file has signature fields already")
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        for field in fields:
            append_signature_field(
                writer,
                SigFieldSpec(
                    field.name,
                    on_page=field.page,
                    box=tuple(round(value) for value in field.box),  # type: ignore[arg-type]
                    readable_field_name=field.label,
                ),
            )
        output = io.BytesIO()
        writer.write(output)
    except SigningError:
        raise
    except Exception as error:
        raise SigningError(f"fields not created: {error}") from error
    return output.getvalue()


def empty_field_names(pdf: bytes) -> list[str]:
    """Names of the signature fields still to be signed, in the order of their creation."""
    reader = PdfFileReader(io.BytesIO(pdf))
    return [name for name, value, _ in enumerate_sig_fields(reader) if value is None]

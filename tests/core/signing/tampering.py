"""Ways to tamper with a signed document: functions from bytes to bytes, never from the keys.

``TAMPERINGS`` holds those that need the document alone; those of ``RECORD_ONLY`` leave a file
that is valid by itself, and only a comparison with what was stored shows them. ``move_signature`` also needs another
document, and ``sign_with_unknown_authority`` makes authorities of its own, homonyms of ours.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pikepdf
from asn1crypto import cms
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name, pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from core.signing.pki import DemonstrationPki
from core.signing.sign import sign
from core.signing.timestamps import LocalTimestampSource

BYTE_RANGE = re.compile(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]")


def byte_ranges(pdf: bytes) -> list[tuple[int, int, int, int]]:
    """Byte ranges of the signatures, in the order of what they cover."""
    found = [(int(match[1]), int(match[2]), int(match[3]), int(match[4])) for match in BYTE_RANGE.finditer(pdf)]
    return sorted(found, key=lambda numbers: numbers[2] + numbers[3])


def _flip(pdf: bytes, position: int) -> bytes:
    return pdf[:position] + bytes([pdf[position] ^ 1]) + pdf[position + 1 :]


def flip_signed_byte(pdf: bytes) -> bytes:
    """One bit of the page, under all signatures."""
    return _flip(pdf, pdf.index(b"stream") + 20)


def flip_last_stamp_byte(pdf: bytes) -> bytes:
    """One bit that only the last signature covers."""
    previous = byte_ranges(pdf)[-2]
    start = previous[2] + previous[3]
    return _flip(pdf, pdf.index(b"stream", start) + 20)


def _flip_digit(pdf: bytes, position: int) -> bytes:
    digit = b"0" if pdf[position : position + 1] != b"0" else b"1"
    return pdf[:position] + digit + pdf[position + 1 :]


def flip_signature_byte(pdf: bytes) -> bytes:
    """One hexadecimal digit of the last signature value itself."""
    _, start, end, _ = byte_ranges(pdf)[-1]
    contents = cms.ContentInfo.load(bytes.fromhex(pdf[start + 1 : end - 1].decode()))
    value = contents["content"]["signer_infos"][0]["signature"].native.hex().encode()
    return _flip_digit(pdf, pdf.lower().index(value, start) + 40)


def flip_embedded_certificate_byte(pdf: bytes) -> bytes:
    """One digit of a certificate beside the last signature, which no signature covers."""
    return _flip_digit(pdf, byte_ranges(pdf)[-1][1] + 3000)


def flip_padding_byte(pdf: bytes) -> bytes:
    """One digit of the zeros that fill the place kept for the signature."""
    position = byte_ranges(pdf)[-1][2] - 10
    return pdf[:position] + b"7" + pdf[position + 1 :]


def append_bytes(pdf: bytes) -> bytes:
    """A comment after the end."""
    return pdf + b"\n% rien de plus\n"


def truncate_middle(pdf: bytes) -> bytes:
    """A file cut in the middle of a download."""
    return pdf[: len(pdf) - len(pdf) // 5]


def remove_last_revision(pdf: bytes) -> bytes:
    """The document as it was before the last signature."""
    previous = byte_ranges(pdf)[-2]
    return pdf[: previous[2] + previous[3]]


def truncate_to_seal(pdf: bytes) -> bytes:
    """The document as it was when only sealed."""
    first = byte_ranges(pdf)[0]
    return pdf[: first[2] + first[3]]


def shrink_byte_range(pdf: bytes) -> bytes:
    """A last byte range that no longer reaches the end of the file."""
    match = list(BYTE_RANGE.finditer(pdf))[-1]
    start, end = match.span(4)
    shorter = str(int(match[4]) - 10).encode().rjust(end - start)
    return pdf[:start] + shorter + pdf[end:]


def _update(pdf: bytes, change: Callable[[IncrementalPdfFileWriter], Any]) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    change(writer)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def change_title(pdf: bytes) -> bytes:
    """Another title, as an incremental update that leaves the signed bytes alone."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        info = writer.trailer["/Info"]
        info["/Title"] = pdf_string("Convention falsifiée")
        writer.update_container(info)

    return _update(pdf, change)


def change_page(pdf: bytes) -> bytes:
    """Another amount drawn over the page by an incremental update."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        drawing = generic.StreamObject(stream_data=b"q 1 0 0 rg 50 700 300 40 re f Q")
        writer.add_stream_to_page(-1, writer.add_object(drawing))

    return _update(pdf, change)


def swap_attachment(pdf: bytes) -> bytes:
    """Other embedded data, by an incremental update."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        names = writer.root["/Names"]["/EmbeddedFiles"]["/Names"]
        files = names[1]["/EF"]
        files["/F"] = writer.add_object(generic.StreamObject(stream_data=b'{"amount": "99000.00"}'))
        writer.update_container(files)

    return _update(pdf, change)


def add_annotation(pdf: bytes) -> bytes:
    """A note over the page, by an incremental update."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        numbers = (50, 700, 350, 740)
        note = generic.DictionaryObject(
            {
                pdf_name("/Type"): pdf_name("/Annot"),
                pdf_name("/Subtype"): pdf_name("/FreeText"),
                pdf_name("/Contents"): pdf_string("99 000 €"),
                pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, numbers)),
            }
        )
        writer.register_annotation(writer.find_page_for_modification(-1)[0], writer.add_object(note))

    return _update(pdf, change)


def add_page(pdf: bytes) -> bytes:
    """One more page, by an incremental update."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        page = generic.DictionaryObject(
            {
                pdf_name("/Type"): pdf_name("/Page"),
                pdf_name("/MediaBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 595, 842))),
                pdf_name("/Resources"): generic.DictionaryObject(),
            }
        )
        writer.insert_page(page)

    return _update(pdf, change)


def replace_field_value(pdf: bytes) -> bytes:
    """The field of one signatory made to show the signature of another."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        fields = writer.root["/AcroForm"]["/Fields"]
        fields[-1]["/V"] = fields[-2].raw_get("/V")
        writer.update_container(fields[-1])

    return _update(pdf, change)


def replace_appearance(pdf: bytes) -> bytes:
    """Another visible stamp over a signature that stays as it is."""

    def change(writer: IncrementalPdfFileWriter) -> None:
        field = writer.root["/AcroForm"]["/Fields"][-1]
        field["/AP"]["/N"] = writer.root["/AcroForm"]["/Fields"][0]["/AP"].raw_get("/N")
        writer.update_container(field)

    return _update(pdf, change)


def resave(pdf: bytes) -> bytes:
    """The same document, read and written again by a tool that means no harm."""
    output = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        document.save(output)
    return output.getvalue()


TAMPERINGS: dict[str, Callable[[bytes], bytes]] = {
    function.__name__: function
    for function in (
        *(flip_signed_byte, flip_last_stamp_byte, flip_signature_byte, flip_padding_byte),
        flip_embedded_certificate_byte,
        *(append_bytes, truncate_middle, remove_last_revision, truncate_to_seal, shrink_byte_range),
        *(change_title, change_page, swap_attachment, add_annotation, add_page),
        *(replace_field_value, replace_appearance, resave),
    )
}

RECORD_ONLY = frozenset(("remove_last_revision", "truncate_to_seal", "flip_embedded_certificate_byte"))


def move_signature(pdf: bytes, other: bytes) -> bytes:
    """The last signature replaced by a genuine one, taken from another document."""
    _, start, end, _ = byte_ranges(pdf)[-1]
    _, other_start, other_end, _ = byte_ranges(other)[-1]
    digits = other[other_start + 1 : other_end - 1].rstrip(b"0")
    return pdf[: start + 1] + digits.ljust(end - start - 2, b"0") + pdf[end - 1 :]


def sign_with_unknown_authority(pdf: bytes, *, field_name: str, common_name: str, organisation: str) -> bytes:
    """The last signature replaced by that of a namesake, under authorities of the same names."""
    with tempfile.TemporaryDirectory() as directory:
        pki = DemonstrationPki(Path(directory) / "keys")
        namesake = pki.person_source("person", common_name=common_name, organisation=organisation)
        return sign(
            remove_last_revision(pdf),
            field_name,
            namesake,
            timestamps=LocalTimestampSource(pki.timestamp_source()),
            trust=pki.trust(),
        ).pdf

"""Small PDF files that the invented applicants attach."""

import io
from functools import lru_cache

import pikepdf


@lru_cache(maxsize=64)
def one_page(text: str) -> bytes:
    """A one-page PDF that says ``text`` (Latin letters); the same text gives the same bytes."""
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=(595, 842))
    font = pdf.make_indirect(
        pikepdf.Dictionary(
            Type=pikepdf.Name.Font,
            Subtype=pikepdf.Name.Type1,
            BaseFont=pikepdf.Name.Helvetica,
            Encoding=pikepdf.Name.WinAnsiEncoding,
        )
    )
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
    escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)").encode("cp1252", "replace")
    page.Contents = pdf.make_stream(b"BT /F1 14 Tf 60 760 Td (" + escaped + b") Tj ET")
    target = io.BytesIO()
    pdf.save(target, deterministic_id=True)
    return target.getvalue()

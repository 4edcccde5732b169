"""The process that lays out pages: ``python -m core.pdf.worker``, started by ``render``."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import weasyprint
from weasyprint.logger import LOGGER

from core.pdf.fetcher import BASE_URL, StaticFetcher
from core.pdf.process import Frame, serve

POINTS_PER_PIXEL = 0.75
FIELD_PREFIX = "field-"


class _Warnings(logging.Handler):
    """Keeps what the library would only print: unknown CSS, images without alternative…"""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage()[:300])


def handle(header: dict[str, Any], blobs: list[bytes]) -> Frame:
    """Lay out one page; see ``render.render_document`` for the contract."""
    warnings = _Warnings()
    LOGGER.addHandler(warnings)
    try:
        answer, parts = _lay_out(header, blobs)
    finally:
        LOGGER.removeHandler(warnings)
    return {**answer, "warnings": warnings.messages[:50]}, parts


def _lay_out(header: dict[str, Any], blobs: list[bytes]) -> Frame:
    html, *contents = blobs
    fetcher = StaticFetcher([Path(root) for root in header["roots"]])
    page = weasyprint.HTML(string=html.decode(), encoding="utf-8", base_url=BASE_URL, url_fetcher=fetcher)
    document = page.render(pdf_variant="pdf/a-3a")
    at = datetime.fromisoformat(header["metadata"]["at"])
    _describe(document.metadata, header["metadata"], at)
    pdf = document.write_pdf(
        pdf_variant="pdf/a-3a",
        attachments=[
            _attachment(described, content, at)
            for described, content in zip(header["attachments"], contents, strict=True)
        ],
        pdf_identifier=_identifier(header, blobs),
        finisher=_spread_objects,
    )
    if fetcher.refused:
        raise PermissionError(f"resources refused or missing: {fetcher.refused}")
    return {"page_count": len(document.pages), "boxes": _boxes(document)}, [pdf]


def _spread_objects(_document: Any, pdf: Any) -> None:
    """Write objects one by one instead of in one compressed stream.

    Validators read each object of such a stream by scanning its whole index: a document of
    thirteen pages with two signatures took 1.1 s to verify, 0.2 s without.
    """
    write = pdf.write
    pdf.write = lambda output, version, identifier, _compress: write(output, version, identifier, False)


def _describe(metadata: Any, described: dict[str, Any], at: datetime) -> None:
    instant = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata.title = described["title"]
    metadata.authors = [described["author"]] if described["author"] else []
    metadata.description = described["subject"] or None
    metadata.keywords = list(described["keywords"])
    metadata.lang = described["lang"]
    metadata.generator = "Guichet"
    metadata.created = metadata.modified = instant
    # Only the caller embeds files, never a link found in the page.
    metadata.attachments = []


def _attachment(described: dict[str, str], content: bytes, at: datetime) -> Any:
    attachment = weasyprint.Attachment(
        string=content,
        name=described["name"],
        description=described["description"],
        created=at.astimezone(UTC),
        modified=at.astimezone(UTC),
        relationship=described["relationship"],
    )
    # The library guesses the media type from the name; ours is stated.
    attachment.source = contextlib.nullcontext((io.BytesIO(content), None, None, described["mime_type"]))
    return attachment


def _identifier(header: dict[str, Any], blobs: list[bytes]) -> bytes:
    digest = hashlib.sha256(header["metadata"]["at"].encode())
    for blob in blobs:
        digest.update(hashlib.sha256(blob).digest())
    return digest.hexdigest()[:32].encode()


def _boxes(document: Any) -> list[dict[str, Any]]:
    boxes = []
    for number, page in enumerate(document.pages):
        for anchor, (left, top, right, bottom) in page.anchors.items():
            if anchor.startswith(FIELD_PREFIX):
                low, high = page.height - bottom, page.height - top
                points = [value * POINTS_PER_PIXEL for value in (left, low, right, high)]
                boxes.append(
                    {
                        "name": anchor.removeprefix(FIELD_PREFIX),
                        "page": number,
                        "box": [round(value, 2) for value in points],
                    }
                )
    return boxes


if __name__ == "__main__":
    serve(handle)

"""HTML to PDF/A-3a, laid out by a separate process that can open nothing but our static files."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path

from core.pdf.process import LimitedProcess, Limits, ProcessError, ProcessTimeout

ATTACHMENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MIME_TYPE = re.compile(r"[a-z]+/[a-z0-9][a-z0-9.+-]{0,60}")
RELATIONSHIPS = frozenset(("Source", "Data", "Alternative", "Supplement", "Unspecified"))


class RenderError(Exception):
    """The document could not be laid out, or asks for a resource it may not have."""


class RenderTimeout(RenderError):
    """The document was not laid out in time."""


@dataclass(frozen=True)
class Attachment:
    """A file embedded in the document, with its relationship to it (ISO 32000-2, 14.13)."""

    name: str
    content: bytes
    mime_type: str
    description: str = ""
    relationship: str = "Data"

    def __post_init__(self) -> None:
        if not ATTACHMENT_NAME.fullmatch(self.name):
            raise ValueError(f"not a safe file name: {self.name!r}")
        if not MIME_TYPE.fullmatch(self.mime_type):
            raise ValueError(f"not a media type: {self.mime_type!r}")
        if self.relationship not in RELATIONSHIPS:
            raise ValueError(f"unknown relationship: {self.relationship!r}")


@dataclass(frozen=True)
class Metadata:
    """What the document says of itself; ``at`` is its instant, with a time zone."""

    title: str
    at: datetime
    author: str = ""
    subject: str = ""
    keywords: tuple[str, ...] = ()
    lang: str = "fr"

    def __post_init__(self) -> None:
        if not self.title.strip():
            raise ValueError("an accessible document has a title")
        if self.at.tzinfo is None:
            raise ValueError("the instant of a document needs a time zone")


@dataclass(frozen=True)
class RenderSettings:
    """Where ``/static/…`` is looked up, in this order, and the bounds of a rendering."""

    static_roots: tuple[Path, ...] = ()
    timeout: float = 60.0
    limits: Limits = field(default_factory=lambda: Limits(memory=1536 << 20))
    recycle_after: int = 100


@dataclass(frozen=True)
class FieldBox:
    """Place kept by the page for a signature field: page from 0, points from bottom left."""

    name: str
    page: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class RenderedDocument:
    """The bytes, the number of pages, the place of each element ``id="field-…"``, and what the
    library warned of (unknown CSS, image without alternative)."""

    pdf: bytes
    page_count: int
    boxes: tuple[FieldBox, ...]
    warnings: tuple[str, ...] = ()

    def box(self, name: str) -> FieldBox:
        """Return the place kept by ``id="field-<name>"``; RenderError when the page has none."""
        for box in self.boxes:
            if box.name == name:
                return box
        raise RenderError(f"the page keeps no place for field {name!r}")


def dsfr_static_root() -> Path:
    """Directory of the static files of the State's design system, which holds Marianne."""
    spec = importlib.util.find_spec("dsfr")
    if spec is None or not spec.submodule_search_locations:
        raise RenderError("django-dsfr is not installed")
    return Path(next(iter(spec.submodule_search_locations))) / "static"


@cache
def _process(limits: Limits, recycle_after: int) -> LimitedProcess:
    return LimitedProcess("core.pdf.worker", limits=limits, recycle_after=recycle_after)


def render_document(
    html: str,
    *,
    attachments: Sequence[Attachment] = (),
    metadata: Metadata,
    settings: RenderSettings | None = None,
) -> RenderedDocument:
    """Lay out ``html`` as PDF/A-3a; the same arguments give the same bytes.

    Resources are ``data:`` URIs and ``/static/…`` files found under the static roots (those
    of the design system are always there). Any other one, and any that is missing, makes the
    whole document fail: RenderError. RenderTimeout when the time is over.
    """
    settings = settings or RenderSettings()
    described = asdict(metadata) | {"at": metadata.at.isoformat()}
    header = {
        "metadata": described,
        "roots": [str(root) for root in (*settings.static_roots, dsfr_static_root())],
        "attachments": [
            {
                "name": attachment.name,
                "mime_type": attachment.mime_type,
                "description": attachment.description,
                "relationship": attachment.relationship,
            }
            for attachment in attachments
        ],
    }
    blobs = [html.encode(), *(attachment.content for attachment in attachments)]
    process = _process(settings.limits, settings.recycle_after)
    try:
        answer, (pdf,) = process.call(header, blobs, timeout=settings.timeout)
    except ProcessTimeout as error:
        raise RenderTimeout(str(error)) from error
    except ProcessError as error:
        raise RenderError(str(error)) from error
    boxes = tuple(FieldBox(name=item["name"], page=item["page"], box=tuple(item["box"])) for item in answer["boxes"])
    return RenderedDocument(pdf=pdf, page_count=answer["page_count"], boxes=boxes, warnings=tuple(answer["warnings"]))


def render_pdf(
    html: str,
    *,
    attachments: Sequence[Attachment] = (),
    metadata: Metadata,
    settings: RenderSettings | None = None,
) -> bytes:
    """Return the bytes of ``render_document``, for documents that nobody signs."""
    return render_document(html, attachments=attachments, metadata=metadata, settings=settings).pdf

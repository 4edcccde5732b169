"""The file store: bytes written once, checked against their SHA-256 at each reading."""

import hashlib
import uuid
from urllib.parse import quote

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.http import HttpResponse

from core.models import StoredFile


class FileAltered(Exception):
    """The bytes of the store are no longer those that were stored."""


def store(*, content: bytes, name: str, kind: str, media_type: str, actor_id: int | None) -> StoredFile:
    """Writes the bytes, then the row. The bytes come first so that no row ever points at nothing; bytes without a
    row (a transaction that rolled back) are harmless: nothing leads to them."""
    identifier = uuid.uuid4()
    key = f"{identifier.hex[:2]}/{identifier.hex}"
    digest = hashlib.sha256(content).hexdigest()
    saved = default_storage.save(key, ContentFile(content))
    return StoredFile.objects.create(
        id=identifier,
        kind=kind,
        name=name[:200],
        media_type=media_type,
        size=len(content),
        sha256=digest,
        storage_key=saved,
        created_by_id=actor_id,
    )


def read(stored: StoredFile) -> bytes:
    """The bytes, unchanged. Raises FileAltered when they are missing or differ from the stored SHA-256."""
    try:
        with default_storage.open(stored.storage_key, "rb") as handle:
            content: bytes = handle.read()
    except FileNotFoundError as error:
        raise FileAltered(f"{stored.pk}: missing from the store") from error
    if hashlib.sha256(content).hexdigest() != stored.sha256:
        raise FileAltered(f"{stored.pk}: SHA-256 differs from the stored one")
    return content


def download(stored: StoredFile, *, inline: bool = False) -> HttpResponse:
    """Response that a browser saves and never interprets. Permission was checked by the view."""
    response = HttpResponse(read(stored), content_type=stored.media_type)
    disposition = "inline" if inline and stored.media_type == "application/pdf" else "attachment"
    response["Content-Disposition"] = f"{disposition}; filename*=UTF-8''{quote(stored.name)}"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox"
    response["Cache-Control"] = "private, no-store"
    return response

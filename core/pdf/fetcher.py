"""The only door through which a page being laid out can reach a resource."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from weasyprint.urls import URLFetcher, URLFetcherResponse

# Base of every page: both "dsfr/x.css" and "/static/dsfr/x.css" resolve below it.
BASE_URL = "file:///static/"
MEDIA_TYPES = {
    ".css": "text/css",
    ".woff2": "font/woff2",
    ".woff": "font/woff",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".svg": "image/svg+xml",
}


class RefusedResource(ValueError):
    """The page asked for something outside ``data:`` and the static files."""


class StaticFetcher(URLFetcher):
    """Serve ``data:`` URIs and files below ``roots``; remember in ``refused`` all the rest."""

    def __init__(self, roots: Sequence[Path]) -> None:
        super().__init__(allowed_protocols=("data",), allow_redirects=False)
        self.roots = [root.resolve() for root in roots]
        self.refused: list[str] = []

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:
        """Return the resource; RefusedResource otherwise, without opening anything."""
        try:
            if url[:5].lower() == "data:":
                return super().fetch(url, headers)
            path = self._locate(url)
        except Exception:
            self.refused.append(url[:200])
            raise
        return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": MEDIA_TYPES[path.suffix.lower()]})

    def _locate(self, url: str) -> Path:
        parts = urlsplit(url)
        if parts.scheme.lower() != "file" or parts.netloc:
            raise RefusedResource(f"refused address: {url[:200]}")
        path = unquote(parts.path)
        relative = path.removeprefix("/static/")
        if relative == path or "\0" in relative or "\\" in relative:
            raise RefusedResource(f"not a static file: {url[:200]}")
        if Path(relative).suffix.lower() not in MEDIA_TYPES:
            raise RefusedResource(f"not a kind of file for a page: {url[:200]}")
        for root in self.roots:
            # Symbolic links and ".." are followed first, then judged by where they lead.
            candidate = (root / relative.lstrip("/")).resolve()
            if candidate.is_relative_to(root) and candidate.is_file():
                return candidate
        raise RefusedResource(f"no such static file: {url[:200]}")

"""Addresses of pages that rooms above own; a page that is not installed gives an empty text, never a broken link."""

from collections.abc import Iterable
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse


def _address(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


def application_start_url(*, call: str = "", axis: str = "", authorities: Iterable[str] = ()) -> str:
    """Where one starts a dossier; ``appel``, ``axe`` and ``qui`` (references of authorities) preselect."""
    url = _address("application_start")
    chosen = [(name, code) for name, code in (("appel", call), ("axe", axis)) if code]
    query = urlencode([*chosen, *(("qui", reference) for reference in authorities)])
    return f"{url}?{query}" if url and query else url


def verification_url() -> str:
    """Where anyone verifies a document."""
    return _address("document_verify")

"""Where a person was before what they sent was not taken: a page of this site that one may open again, or nothing."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme

# Coming back to the door would lead round in circles.
DOORS = frozenset({"account_login", "account_logout", "account_signup"})


def page_before(request: HttpRequest) -> str:
    """Path and query of the page that sent this request, when it is one of ours; empty otherwise.

    A form shown again after an error has the address that takes it, which nobody may open: the page it stands on is the
    one above.
    """
    said = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(said, {request.get_host()}, require_https=request.is_secure()):
        return ""
    parts = urlsplit(said)
    try:
        name = resolve(parts.path, getattr(request, "urlconf", None)).url_name
    except Resolver404:
        return ""
    if name in DOORS:
        return ""
    page = page_at(parts.path, request)
    return f"{page}?{parts.query}" if parts.query and page == parts.path else page


def page_at(path: str, request: HttpRequest) -> str:
    """The path, or the nearest above it that a person may open; empty when there is none under the home page."""
    while path.strip("/"):
        try:
            found = resolve(path, getattr(request, "urlconf", None))
        except Resolver404:
            found = None
        if found is not None and not getattr(found.func, "posts_only", False):
            return path
        path = f"{path.rstrip('/').rpartition('/')[0]}/"
    return ""

"""Where a person was before what they sent was not taken: a page of this site that one may open again, or nothing."""

from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import Resolver404, resolve
from django.utils.http import url_has_allowed_host_and_scheme

# Coming back to the door would lead round in circles.
DOORS = frozenset({"account_login", "account_logout", "account_signup"})


def page_before(request: HttpRequest) -> str:
    """Path and query of the page that sent this request, when it is one of ours; empty otherwise."""
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
    return f"{parts.path}?{parts.query}" if parts.query else parts.path

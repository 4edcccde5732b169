"""Public duties: legal notice, privacy, accessibility, security contact, map of the site; and the error pages."""

import sys
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template import loader
from django.templatetags.static import static
from django.utils import timezone
from django.views.decorators.http import require_safe

from core import navigation
from core.returning import page_before

# RFC 9116 asks that a contact expires within a year; ours is computed at each reading.
SECURITY_TXT_VALIDITY = timedelta(days=180)


@login_not_required
@require_safe
def legal_notice(request: HttpRequest) -> HttpResponse:
    """Who publishes and hosts the site (loi 2004-575, art. 1-1)."""
    return render(request, "core/legal_notice.html")


@login_not_required
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What is done with personal data (RGPD, art. 13)."""
    return render(request, "core/privacy.html")


@login_not_required
@require_safe
def accessibility_statement(request: HttpRequest) -> HttpResponse:
    """Accessibility statement (décret 2019-768, art. 7)."""
    return render(request, "core/accessibility_statement.html")


@login_not_required
@require_safe
def security_contact(request: HttpRequest) -> HttpResponse:
    """How to report a weakness of the site."""
    return render(request, "core/security_contact.html")


@login_not_required
@require_safe
def security_txt(request: HttpRequest) -> HttpResponse:
    """The same for programs (RFC 9116). Without a configured contact the page itself is the contact."""
    page = f"{settings.SITE_URL}/securite/"
    email = settings.PUBLIC_NOTICE["security_email"]
    lines = [
        f"Contact: mailto:{email}" if email else f"Contact: {page}",
        f"Expires: {(timezone.now() + SECURITY_TXT_VALIDITY).strftime('%Y-%m-%dT%H:%M:%SZ')}",
        "Preferred-Languages: fr, en",
        f"Canonical: {settings.SITE_URL}/.well-known/security.txt",
        f"Policy: {page}",
    ]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@login_not_required
@require_safe
def robots_txt(request: HttpRequest) -> HttpResponse:
    """Only public pages are offered to search engines; a demonstration offers none."""
    closed = (
        ["/"] if settings.DEMONSTRATION else ["/dossiers/", "/instruction/", "/jury/", "/compte/", "/administration/"]
    )
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in closed)]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


@login_not_required
@require_safe
def favicon(request: HttpRequest) -> HttpResponse:
    """Where browsers look when a page names no icon."""
    return redirect(static("dsfr/dist/favicon/favicon.ico"))


@login_not_required
@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """Answers to what people ask, each with the page where it is done."""
    return render(request, "core/help.html", {"largest_file": settings.ATTACHMENT_MAX_BYTES})


@login_not_required
@require_safe
def site_map(request: HttpRequest) -> HttpResponse:
    """Every page the reader may open from the menu, and the public duties."""
    return render(request, "core/site_map.html", {"sections": navigation.sections(request, is_folded=False)})


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its protection: nearly always a page left open too long. Nothing was recorded.

    Leads back to the page of the form, by the door when the session is over too.
    """
    return render(request, "core/csrf_failure.html", {"back": page_before(request)}, status=403)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, without anything of the exception."""
    return render(request, "400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, without saying what was refused."""
    return render(request, "403.html", status=403)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: what does not exist and what is not the reader's are told with the same bytes."""
    return render(request, "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 when the database is away. Asks nothing of the database, the session or the list of static files."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError)
    template, status = ("503.html", 503) if away else ("500.html", 500)
    response = HttpResponse(loader.get_template(template).render({}), status=status)
    if away:
        response["Retry-After"] = "30"
    return response

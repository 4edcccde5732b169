"""Which dossier a page is about: found among those visible to the person, or 404, never another answer."""

from typing import Any

from django.http import Http404, HttpRequest
from django.utils import timezone

from applications.models import Application, ApplicationQuerySet
from applications.permissions import applicant_side, is_screening_agent, screening_scope
from applications.roles import is_applicant

RELATED = ("call", "axis", "session", "theme", "organisation", "grouping", "rules_version")


def _one(rows: ApplicationQuerySet, pk: Any) -> Application:
    found = rows.select_related(*RELATED).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def visible_application(request: HttpRequest, pk: Any) -> Application:
    """A dossier that the person may see, in any capacity."""
    return _one(Application.objects.visible_to(request.user), pk)


def followed_application(request: HttpRequest, pk: Any) -> Application:
    """A dossier of one of the person's organisations, or of a grouping one of them belongs to."""
    rows = Application.objects.visible_to(request.user).filter(applicant_side(request.user, timezone.now()))
    return _one(rows, pk)


def own_application(request: HttpRequest, pk: Any) -> Application:
    """A dossier that the person prepares: members of a grouping who do not lead it only follow."""
    application = followed_application(request, pk)
    if not is_applicant(request.user, application, timezone.now()):
        raise Http404
    return application


def screened_application(request: HttpRequest, pk: Any) -> Application:
    """A filed dossier covered by one of the person's mandates."""
    return _one(screening_scope(Application.objects.all(), request.user), pk)


def require_agent(request: HttpRequest) -> None:
    """404 for whoever holds no mandate of screening."""
    if not is_screening_agent(request.user):
        raise Http404

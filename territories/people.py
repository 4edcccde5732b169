"""The person of a request, on pages where one is signed in."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from accounts.models import User


def person(request: HttpRequest) -> User:
    """Who is signed in; the pages that ask are closed to everyone else before they run."""
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user

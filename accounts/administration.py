"""The site's administration has no door of its own: one enters by the site's sign-in, with its throttles and codes."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from accounts.models import ADMINISTRATOR_MINIMUM_LENGTH
from accounts.second_factor import showed_second_factor

LIBRARIES = frozenset({"auth", "account", "mfa", "usersessions", "socialaccount", "dsfr", "sites"})

LONGER = (
    f"L’administration demande un mot de passe d’au moins {ADMINISTRATOR_MINIMUM_LENGTH} caractères. Le vôtre est plus "
    "court, ou trop ancien pour que le site le sache : choisissez-en un autre, puis revenez."
)


class Administration(AdminSite):
    """Staff with a second factor shown in this session; for anybody else signed in, these pages do not exist.

    Who was given power after choosing a short password is asked for a longer one at this door.
    """

    site_header = "Guichet"
    site_title = "Administration de Guichet"
    index_title = "Mandats, règlement et référentiel"
    # The path above each page leads back; wide lists need the room.
    enable_nav_sidebar = False

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Our rooms alone: an authenticator or an address changed here would go around every rule of the sign-in."""
        models = [model_or_iterable] if isinstance(model_or_iterable, type) else list(model_or_iterable)
        ours = [model for model in models if model._meta.app_label not in LIBRARIES]  # type: ignore[union-attr]
        if ours:
            super().register(ours, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and showed_second_factor(request)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        inside = super().admin_view(view, cacheable)

        @wraps(inside)
        def door(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if self.has_permission(request):
                if request.user.owes_longer_password:  # type: ignore[union-attr]
                    messages.warning(request, LONGER)
                    return redirect("account_change_password")
                # A filter of a list goes to the database as it is written, and PostgreSQL knows no text with a NUL.
                if "\0" in "".join(text for values in request.GET.lists() for text in (values[0], *values[1])):
                    raise BadRequest
                answer: HttpResponseBase = inside(request, *args, **kwargs)
                return answer
            if request.user.is_authenticated:
                raise Http404
            return redirect_to_login(request.get_full_path())

        return door

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Django's own form knows neither our throttles nor the second factor: it is never shown."""
        index = reverse("admin:index", current_app=self.name)
        if self.has_permission(request):
            return redirect(index)
        if request.user.is_authenticated:
            raise Http404
        return redirect_to_login(index)

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The account's own page, which asks who one is again."""
        return redirect("account_change_password")

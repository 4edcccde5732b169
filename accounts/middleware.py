"""Closes the site to whoever is not signed in, or must show a second factor and has not."""

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve, reverse

from accounts.models import User
from accounts.second_factor import held_factors, showed_second_factor
from core.returning import page_at, page_before

# What a person without any second factor may open: to enrol one, and to leave.
ENROLMENT = frozenset(
    {
        "mfa_index",
        "mfa_activate_totp",
        "mfa_list_webauthn",
        "mfa_add_webauthn",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_download_recovery_codes",
        "account_email",
        "account_email_verification_sent",
        "account_reauthenticate",
        "account_logout",
    }
)
# What a person may open who has one and has not shown it in this session. Enrolling another is not among them:
# a stolen session must not be able to add its own factor.
AUTHENTICATION = frozenset({"mfa_reauthenticate", "mfa_reauthenticate_webauthn", "account_logout"})

ENROL_FIRST = (
    "Votre fonction demande une seconde vérification à chaque connexion. "
    "Activez-la maintenant : cela prend deux minutes."
)
SHOW_FIRST = "Pour continuer, confirmez votre identité avec votre seconde vérification."


SESSION_OVER = (
    "Votre session était terminée\u00a0: ce que vous veniez de saisir n’est pas enregistré. Le bouton «\u00a0Retour\u00a0» "
    "de votre navigateur le montre le plus souvent encore\u00a0: copiez les textes longs, puis connectez-vous."
)


class SignInMiddleware(LoginRequiredMiddleware):
    """Asks to sign in. Whoever was sending a form is told that it is not kept, and comes back to the form's page."""

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponseRedirect:
        if request.method in {"GET", "HEAD"} or _asked_by_script(request):
            return super().handle_no_permission(request, view_func)
        messages.warning(request, SESSION_OVER)
        return redirect_to_login(page_before(request) or page_at(request.path, request) or "/")


class SecondFactorMiddleware:
    """Sends people who owe a second factor to its pages, and closes sessions whose person lost their rights.

    Rights are read from the database at each request, so a change bites at the next one. Requests made by scripts
    (htmx, API) receive 403 rather than a page they would swallow.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if SESSION_KEY in request.session and not request.user.is_authenticated:
            # The person was deactivated or removed: the session ends here, and would not come back with them.
            request.session.flush()
        answer = self._refusal(request)
        return self.get_response(request) if answer is None else answer

    def _refusal(self, request: HttpRequest) -> HttpResponseBase | None:
        user = request.user
        if not isinstance(user, User) or not user.requires_second_factor:
            return None
        holds = held_factors(user)
        if holds and showed_second_factor(request):
            return None
        if _url_name(request) in (AUTHENTICATION if holds else ENROLMENT):
            return None
        sentence = SHOW_FIRST if holds else ENROL_FIRST
        if _asked_by_script(request):
            return HttpResponse(sentence, status=403, content_type="text/plain; charset=utf-8")
        messages.warning(request, sentence)
        if not holds:
            return HttpResponseRedirect(reverse("mfa_index"))
        page = "mfa_reauthenticate" if Authenticator.Type.TOTP in holds else "mfa_reauthenticate_webauthn"
        return HttpResponseRedirect(reverse(page, query={"next": request.get_full_path()}))


def _url_name(request: HttpRequest) -> str | None:
    try:
        return resolve(request.path_info, getattr(request, "urlconf", None)).url_name
    except Resolver404:
        return None


def _asked_by_script(request: HttpRequest) -> bool:
    accept = request.headers.get("Accept", "")
    return (
        request.headers.get("HX-Request") == "true"
        or request.path_info.startswith("/api/")
        or "application/json" in accept.split(";")[0]
    )

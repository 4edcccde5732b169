"""Pages of the account that are ours, and the few of the sign-in library whose steps we complete."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account import views as account_views
from allauth.account.internal.decorators import login_stage_required
from allauth.account.internal.flows.login import record_authentication
from allauth.account.internal.stagekit import clear_login
from allauth.account.stages import LoginStageController
from allauth.mfa.adapter import get_adapter as get_mfa_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.totp.views import ActivateTOTPView as BaseActivateTOTPView
from allauth.mfa.totp.views import DeactivateTOTPView as BaseDeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView as BaseAddWebAuthnView
from allauth.mfa.webauthn.views import RemoveWebAuthnView as BaseRemoveWebAuthnView
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialAccount, SocialApp
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe
from requests import RequestException

from accounts import closing, hooks, proconnect, recovery
from accounts.act_forms import ConfirmedActForm
from accounts.forms import ClosingForm, FactorRecoveryForm, FindAccountForm, IdentityForm, RecoveryRefusalForm
from accounts.models import FactorRecovery, User
from accounts.second_factor import held_factors
from core.errors import Refused
from core.http import posts_only
from core.templatetags.guichet import of_whom


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def in_our_frame(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """The library puts its own ``site`` in the context of some pages, where the frame expects ours."""

    @wraps(view)
    def framed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if isinstance(response, TemplateResponse) and not response.is_rendered and response.context_data:
            response.context_data.pop("site", None)
        return response

    return framed


# ------------------------------------------------------------------ my account


@require_safe
def account_home(request: HttpRequest) -> HttpResponse:
    """« Mon compte » : who I am, how I sign in, where I am signed in."""
    user = _person(request)
    return render(
        request,
        "accounts/home.html",
        {
            "factors": held_factors(user),
            "session_count": UserSession.objects.filter(user=user).count(),
            "identities": SocialAccount.objects.filter(user=user),
            "proconnect": bool(settings.PROCONNECT_SERVER_URL),
            "may_approve_recovery": hooks.may_approve_recovery(user),
            "may_close_accounts": hooks.may_close_accounts(user),
            "recovery": recovery.open_recovery_of(user, timezone.now()),
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
def account_identity(request: HttpRequest) -> HttpResponse:
    """Change one's own name, function and telephone."""
    user = User.objects.get(pk=_person(request).pk)
    form = IdentityForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Vos informations sont enregistrées.")
        return redirect("account_home")
    return render(request, "accounts/identity.html", {"form": form})


# ------------------------------------------------------------------ accounts of others


@require_http_methods(["GET", "HEAD", "POST"])
def account_find(request: HttpRequest) -> HttpResponse:
    """Agents: find the account to close or to open again, by its address."""
    if not hooks.may_close_accounts(_person(request)):
        raise Http404
    # Sent, not written in the address of a page: addresses of pages stay in logs and histories.
    form = FindAccountForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and form.found is not None:
        return redirect("account_close" if form.found.is_active else "account_reopen", pk=form.found.pk)
    return render(request, "accounts/find.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def account_close(request: HttpRequest, pk: int) -> HttpResponse:
    """Agents: close somebody's account, saying why."""
    return _change_account(
        request, pk, closing.close_account, "Le compte {of_whom} est fermé, ses sessions sont terminées."
    )


@require_http_methods(["GET", "HEAD", "POST"])
def account_reopen(request: HttpRequest, pk: int) -> HttpResponse:
    """Agents: open a closed account again, saying why."""
    return _change_account(request, pk, closing.reopen_account, "Le compte {of_whom} est rouvert.")


def _change_account(request: HttpRequest, pk: int, change: Callable[..., User], done: str) -> HttpResponse:
    agent = _person(request)
    if not hooks.may_close_accounts(agent):
        raise Http404
    found = get_object_or_404(User, pk=pk)
    form = ClosingForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            change(user=found, by=agent, reason=form.cleaned_data["closing_reason"], at=timezone.now())
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, f"{done.format(of_whom=of_whom(found))} La personne en est avertie.")
            return redirect("account_find")
    context = {
        "person": found,
        "form": form,
        "is_closing": change is closing.close_account,
        "obstacle": closing.out_of_reach(user=found, by=agent, at=timezone.now()),
        "rights": hooks.rights_of(user=found, by=agent, at=timezone.now()),
    }
    return render(request, "accounts/closing.html", context)


# ------------------------------------------------------------------ sign-out and ProConnect


class LogoutView(account_views.LogoutView):
    """Ends our session, then the provider's when the person came through it."""

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        leave = proconnect.end_session_url(self.request)
        response = super().post(*args, **kwargs)
        return _leaving(self.request, leave, "Vous êtes déconnecté") if leave else response


def _leaving(request: HttpRequest, url: str, title: str) -> HttpResponse:
    # A page, not a redirect: our policy lets forms go nowhere but here, redirects included.
    return render(request, "accounts/leaving.html", {"url": url, "title": title})


@login_not_required
@posts_only
def proconnect_login(request: HttpRequest) -> HttpResponseBase:
    """Go to ProConnect."""
    adapter = proconnect.ProConnectAdapter(request)
    try:
        response = OAuth2LoginView.adapter_view(adapter)(request)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    except RequestException as error:
        return render_authentication_error(request, adapter.get_provider(), exception=error)
    if isinstance(response, HttpResponseRedirect) and not response.url.startswith("/"):
        return _leaving(request, response.url, "Vers ProConnect")
    return response


@login_not_required
@require_safe
def proconnect_callback(request: HttpRequest) -> HttpResponseBase:
    """Come back from ProConnect."""
    try:
        return OAuth2CallbackView.adapter_view(proconnect.ProConnectAdapter(request))(request)
    except SocialApp.DoesNotExist as error:
        raise Http404 from error


# ------------------------------------------------------------------ second factor


def _shown_at_enrolment(request: HttpRequest, kind: str) -> None:
    # The person has just proved that they hold it: asking for it again at once would teach nothing.
    authenticator = Authenticator.objects.filter(user_id=request.user.pk, type=kind).order_by("-pk").first()
    if authenticator is not None:
        record_authentication(request, _person(request), "mfa", id=authenticator.pk, type=kind)
    # Two agents agreed to remove what was lost, not this one.
    recovery.cancel_as_factor_was_shown(user=_person(request), at=timezone.now(), is_new=True)


class ActivateTOTPView(BaseActivateTOTPView):
    """Enrol an authenticator application."""

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        _shown_at_enrolment(self.request, Authenticator.Type.TOTP)
        return response


class AddWebAuthnView(BaseAddWebAuthnView):
    """Enrol a passkey."""

    def form_valid(self, form: Any) -> HttpResponse:
        response = super().form_valid(form)
        _shown_at_enrolment(self.request, Authenticator.Type.WEBAUTHN)
        return response


class OneRemovalAtATime:
    """Of two removals at the same instant, the second sees what the first one left."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with transaction.atomic():
            User.objects.select_for_update(no_key=True).get(pk=_person(request).pk)
            answer: HttpResponseBase = super().post(request, *args, **kwargs)  # type: ignore[misc]
            return answer


class DeactivateTOTPView(OneRemovalAtATime, BaseDeactivateTOTPView):
    """Remove the application of codes, unless it is the last factor of a person who must have one."""


class RemoveWebAuthnView(OneRemovalAtATime, BaseRemoveWebAuthnView):
    """Remove a passkey, unless it is the last factor of a person who must have one."""

    def form_valid(self, form: Any) -> HttpResponse:
        adapter = get_mfa_adapter()
        if not adapter.can_delete_authenticator(self.get_object()):
            messages.error(self.request, adapter.error_messages["cannot_delete_authenticator"])
            return HttpResponseRedirect(reverse("mfa_list_webauthn"))
        return super().form_valid(form)


# ------------------------------------------------------------------ lost second factor


@login_stage_required(stage=AuthenticateStage.key, redirect_urlname="account_login")
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_request(request: HttpRequest) -> HttpResponse:
    """The password was right, the second factor is lost: ask two agents for help."""
    user = _person_of_stage(request)
    opened = recovery.open_recovery_of(user, timezone.now())
    if opened is not None:
        ready = opened.effective_from is not None and opened.effective_from <= timezone.now()
        return render(request, "accounts/recovery_status.html", {"recovery": opened, "ready": ready})
    form = FactorRecoveryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            recovery.request_recovery(user=user, reason=form.cleaned_data["reason"], at=timezone.now())
        except Refused as refusal:
            form.add_error(refusal.field, refusal.message)
        else:
            messages.success(request, "Votre demande est transmise. Un courriel vous le confirme.")
            return redirect("recovery_request")
    return render(request, "accounts/recovery_request.html", {"form": form})


@login_stage_required(stage=AuthenticateStage.key, redirect_urlname="account_login")
@posts_only
def recovery_complete(request: HttpRequest) -> HttpResponse:
    """After the delay, remove the lost factor; the person then signs in and enrols a new one."""
    opened = recovery.open_recovery_of(_person_of_stage(request), timezone.now())
    if opened is None:
        return redirect("recovery_request")
    try:
        recovery.complete_recovery(recovery=opened, at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("recovery_request")
    messages.success(
        request, "Votre ancienne vérification est retirée. Connectez-vous : nous vous aiderons à en activer une."
    )
    clear_login(request)
    return redirect("account_login")


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_cancel(request: HttpRequest, token: str) -> HttpResponse:
    """Stop a request from the link received by mail."""
    found = recovery.recovery_of_token(token)
    if found is None:
        raise Http404
    if request.method == "POST":
        try:
            recovery.cancel_recovery(recovery=found, by=None, at=timezone.now())
        except Refused as refusal:
            messages.error(request, refusal.message)
        else:
            messages.success(request, "La demande est annulée : votre seconde vérification reste en place.")
        return redirect("account_login")
    return render(request, "accounts/recovery_cancel.html", {"recovery": found, **_what_remains(found)})


@posts_only
def recovery_stop(request: HttpRequest) -> HttpResponse:
    """Stop one's own request from « Mon compte »."""
    user = _person(request)
    opened = recovery.open_recovery_of(user, timezone.now())
    if opened is None:
        messages.info(request, "Aucune demande n’est en cours.")
        return redirect("account_home")
    try:
        recovery.cancel_recovery(recovery=opened, by=user, at=timezone.now())
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(
            request,
            "La demande est arrêtée : votre seconde vérification reste en place. Si elle ne venait pas de vous, "
            "changez de mot de passe.",
        )
    return redirect("account_home")


@require_safe
def recovery_list(request: HttpRequest) -> HttpResponse:
    """Agents: requests in progress."""
    if not hooks.may_approve_recovery(_person(request)):
        raise Http404
    opened = FactorRecovery.objects.open(timezone.now()).select_related("user", "first_approved_by")
    return render(request, "accounts/recovery_list.html", {"recoveries": opened})


@require_http_methods(["GET", "HEAD", "POST"])
def recovery_approve(request: HttpRequest, pk: int) -> HttpResponse:
    """Agents: give one of the two agreements, confirmed by one's own second factor."""
    agent = _person(request)
    if not hooks.may_approve_recovery(agent):
        raise Http404
    found = get_object_or_404(FactorRecovery.objects.select_related("user", "first_approved_by"), pk=pk)
    form = ConfirmedActForm(
        request.POST or None,
        user=agent,
        act=recovery.APPROVAL_ACT,
        content_sha256=recovery.approval_digest(found),
    )
    if request.method == "POST" and form.is_valid():
        try:
            recovery.approve_recovery(recovery=found, by=agent, at=timezone.now())
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, "Votre accord est enregistré. La personne en est avertie.")
            return redirect("recovery_list")
    obstacle = recovery.out_of_reach(user=found.user, by=agent, at=timezone.now())
    context = {"recovery": found, "form": form, "obstacle": obstacle, **_what_remains(found)}
    return render(request, "accounts/recovery_approve.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def recovery_refuse(request: HttpRequest, pk: int) -> HttpResponse:
    """Agents: stop a request, saying why."""
    agent = _person(request)
    if not hooks.may_approve_recovery(agent):
        raise Http404
    found = get_object_or_404(FactorRecovery.objects.select_related("user"), pk=pk)
    form = RecoveryRefusalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            recovery.refuse_recovery(
                recovery=found, by=agent, reason=form.cleaned_data["refusal_reason"], at=timezone.now()
            )
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, "La demande est refusée. La personne en est avertie.")
            return redirect("recovery_list")
    context = {"recovery": found, "form": form, **_what_remains(found)}
    return render(request, "accounts/recovery_refuse.html", context)


def _what_remains(found: FactorRecovery) -> dict[str, Any]:
    now = timezone.now()
    is_open = FactorRecovery.objects.open(now).filter(pk=found.pk).exists()
    is_overdue = not is_open and FactorRecovery.objects.unfinished().filter(pk=found.pk).exists()
    return {
        "is_open": is_open,
        "has_begun": found.effective_from is not None and found.effective_from <= now,
        "ended": FactorRecovery.State.LAPSED.label if is_overdue else found.get_state_display(),
        "awaits_agreement": is_open and found.second_approved_at is None,
    }


def _person_of_stage(request: HttpRequest) -> User:
    stage = LoginStageController.enter(request, AuthenticateStage.key)
    user = stage.login.user if stage else None
    # An account may be closed between the two steps of a sign-in.
    if not isinstance(user, User) or not User.objects.filter(pk=user.pk, is_active=True).exists():
        raise PermissionDenied
    return user

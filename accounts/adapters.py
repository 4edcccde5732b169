"""How the sign-in library behaves here: how mail leaves, whose address a request comes from, who is let in."""

import ipaddress
import time
import uuid
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts import hooks, proconnect, recovery, sealing
from accounts.models import User
from accounts.second_factor import FACTORS
from core.mail import queue_mail

NO_ADDRESS = "0.0.0.0"  # noqa: S104  (a name for "local socket", nothing listens)
IPV6_SUBSCRIBER_PREFIX = 64


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in, sign-up and their mail."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "account_inactive": "Ce compte est fermé. Écrivez à l’assistance si vous pensez que c’est une erreur.",
        "email_password_mismatch": (
            "L’adresse électronique ou le mot de passe ne correspondent pas. Vérifiez l’orthographe de l’adresse et "
            "la touche majuscule, ou choisissez « Mot de passe oublié »."
        ),
        "enter_current_password": "Saisissez votre mot de passe actuel.",
        "incorrect_code": "Ce code n’est pas le bon. Vérifiez-le, ou attendez d’en recevoir un nouveau.",
        "incorrect_password": "Ce mot de passe n’est pas le bon.",
        "too_many_login_attempts": (
            "Trop d’essais inexacts depuis votre poste. Attendez cinq minutes, puis réessayez. "
            "Votre compte n’est pas bloqué."
        ),
        "rate_limited": "Trop de demandes en peu de temps. Attendez une minute, puis réessayez.",
        "same_as_current": "La nouvelle valeur est la même que l’ancienne.",
        "duplicate_email": "Cette adresse est déjà celle de votre compte.",
    }

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Queue the mail: it leaves after the commit, never while the request holds the database."""
        content = {
            "email": email,
            "site_url": settings.SITE_URL,
            "reset_path": reverse("account_reset_password"),
            **context,
        }
        subject = " ".join(render_to_string(f"{template_prefix}_subject.txt", content).split())
        body = render_to_string(f"{template_prefix}_message.txt", content).strip()
        with transaction.atomic():
            queue_mail(
                to=[email],
                subject=subject,
                template="emails/accounts/message.txt",
                context={"body": body},
                dedupe_key=f"accounts:{uuid.uuid4()}",
            )

    def get_client_ip(self, request: HttpRequest) -> str:
        """Address of the person: a forwarded one is believed only when a proxy of ours forwarded it."""
        return client_address(request)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # Failures are counted per account *and* address: a stranger who tries passwords on somebody's account
        # stops themself, never the owner, who comes from elsewhere.
        login = str(credentials.get("email", "")).strip().lower()
        return f"{login}|{network_of(client_address(request))}"

    def set_password(self, user: User, password: str) -> None:
        """Write the password alone: a right withdrawn meanwhile stays withdrawn."""
        user.set_password(password)
        user.save(update_fields=["password", "is_password_long"])

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        sociallogin = (kwargs.get("signal_kwargs") or {}).get("sociallogin")
        if sociallogin is not None:
            with transaction.atomic():
                hooks.announce_identity(user=user, claims=sociallogin.account.extra_data, at=timezone.now())
        # Codes of recovery prove nothing of the telephone: they are what one uses when it is lost.
        if any(record.get("type") in FACTORS for record in get_authentication_records(request, user)):
            recovery.cancel_as_factor_was_shown(user=user, at=timezone.now())
        return super().post_login(request, user, **kwargs)

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Not for who signed in a few minutes ago: the library counts only what was asked twice."""
        request = self.request
        if request.user.is_authenticated:
            records = get_authentication_records(request, request.user)
            if any(time.time() - record["at"] < REAUTHENTICATION_TIMEOUT for record in records):
                return False
        return super().is_reauthentication_required(app=app, **kwargs)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("account_home")


class MFAAdapter(DefaultMFAAdapter):
    """Second factor: kept by those who must have one, its secret encrypted at rest."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "add_email_blocked": (
            "Un compte protégé par une seconde vérification ne peut pas recevoir une autre adresse non vérifiée."
        ),
        "cannot_delete_authenticator": (
            "Votre fonction exige une seconde vérification : ajoutez-en une autre avant de retirer celle-ci."
        ),
        "cannot_generate_recovery_codes": (
            "Activez d’abord une seconde vérification : les codes de secours viennent ensuite."
        ),
        "incorrect_code": (
            "Ce code n’est pas le bon, ou il a déjà servi. Attendez que votre application en affiche un nouveau."
        ),
        "unverified_email": "Vérifiez d’abord votre adresse électronique, puis revenez activer cette protection.",
    }

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """The last factor of a person who must have one stays."""
        if authenticator.type not in FACTORS or not authenticator.user.requires_second_factor:
            return True
        others = Authenticator.objects.filter(user_id=authenticator.user_id, type__in=FACTORS)
        return others.exclude(pk=authenticator.pk).exists()

    def encrypt(self, text: str) -> str:
        return sealing.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal(encrypted_text)

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return "Ma clé d’accès" if count == 0 else f"Ma clé d’accès n° {count + 1}"


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """Identity providers. An account is never joined to another because they share an address."""

    error_messages = {
        **DefaultSocialAccountAdapter.error_messages,
        "email_taken": (
            "Un compte existe déjà avec cette adresse. Connectez-vous d’abord à ce compte, puis liez %s "
            "depuis « Mon compte »."
        ),
        "invalid_token": "La réponse du fournisseur d’identité n’est pas valable. Recommencez la connexion.",
        "no_password": "Choisissez d’abord un mot de passe : sans lui, vous ne pourriez plus vous connecter.",
        "no_verified_email": "Vérifiez d’abord votre adresse électronique.",
        "disconnect_last": "C’est votre seul moyen de connexion : choisissez d’abord un mot de passe.",
        "connected_other": "Cette identité est déjà liée à un autre compte.",
    }

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        proconnect.check_nonce(request, sociallogin)

    def can_authenticate_by_email(self, login: SocialLogin, email: str) -> bool:
        return False


def client_address(request: HttpRequest) -> str:
    """Address of the person behind the request, for throttles and the list of sessions.

    ``X-Forwarded-For`` is read from the right, past the proxies of ``TRUSTED_PROXIES``, and only when the request
    itself comes from one of them. A peer that has no address, as on a local socket, is told as ``0.0.0.0``.
    """
    here = request.META.get("REMOTE_ADDR") or "unix"
    trusted = settings.TRUSTED_PROXIES
    if not _is_trusted(here, trusted):
        return here if _is_address(here) else NO_ADDRESS
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
    for address in reversed(forwarded):
        if not _is_address(address):
            break
        if not _is_trusted(address, trusted):
            return address
        here = address
    return here if _is_address(here) else NO_ADDRESS


def network_of(address: str) -> str:
    """What a throttle counts together: an IPv4 address, or the /64 that one IPv6 subscriber draws addresses from."""
    here = ipaddress.ip_address(address)
    if isinstance(here, ipaddress.IPv4Address):
        return str(here)
    # On a socket of both kinds, an IPv4 address wears IPv6 clothes; all of them share one /64.
    if here.ipv4_mapped is not None:
        return str(here.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(here), IPV6_SUBSCRIBER_PREFIX), strict=False))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_trusted(address: str, trusted: list[str]) -> bool:
    if address in trusted:
        return True
    if not _is_address(address):
        return False
    here = ipaddress.ip_address(address)
    return any(here in ipaddress.ip_network(item, strict=False) for item in trusted if item != "unix")

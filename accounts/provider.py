"""ProConnect, the State's identity provider for professionals, as OpenID Connect (scopes and claims are its own)."""

import secrets
from typing import Any

from allauth.account.models import EmailAddress
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from accounts.proconnect import ProConnectAdapter

# What is kept of the claims; ``acr`` and ``amr`` are the evidence of how strongly the person was identified.
KEPT_CLAIMS = ("sub", "given_name", "usual_name", "email", "email_verified", "siret", "idp_id")
KEPT_EVIDENCE = ("iss", "acr", "amr", "auth_time", "nonce")


class ProConnectProvider(OpenIDConnectProvider):
    """Found by the sign-in library because this module is named ``provider`` in an installed application."""

    id = "proconnect"
    name = "ProConnect"
    oauth2_adapter_class = ProConnectAdapter

    def get_login_url(self, request: HttpRequest, **kwargs: Any) -> str:
        url = reverse("proconnect_login")
        return f"{url}?{urlencode(kwargs)}" if kwargs else url

    def get_callback_url(self) -> str:
        return reverse("proconnect_callback")

    def get_oauth2_adapter(self, request: HttpRequest) -> ProConnectAdapter:
        return ProConnectAdapter(request)

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        # The library would add what the address bar asks for.
        return self.get_scope()

    def get_auth_params_from_request(self, request: HttpRequest, action: str) -> dict[str, Any]:
        return self.get_auth_params()

    def redirect(
        self, request: HttpRequest, process: str, next_url: str | None = None, data: Any = None, **kwargs: Any
    ) -> HttpResponse:
        """Send the person to ProConnect with a nonce, kept with the state and compared when they come back."""
        nonce = secrets.token_urlsafe(24)
        kwargs["auth_params"] = {**(kwargs.get("auth_params") or self.get_auth_params()), "nonce": nonce}
        return super().redirect(request, process, next_url=next_url, data=data, nonce=nonce, **kwargs)

    def extract_uid(self, data: dict[str, Any]) -> str:
        return str(data["userinfo"]["sub"])

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        claims = {name: data["userinfo"].get(name) for name in KEPT_CLAIMS}
        evidence = {name: data["id_token"].get(name) for name in KEPT_EVIDENCE}
        return {name: value for name, value in {**claims, **evidence}.items() if value is not None}

    def extract_common_fields(self, data: dict[str, Any]) -> dict[str, Any]:
        claims = data["userinfo"]
        return {
            "email": claims.get("email"),
            "first_name": claims.get("given_name"),
            "last_name": claims.get("usual_name"),
        }

    def extract_email_addresses(self, data: dict[str, Any]) -> list[EmailAddress]:
        email = data["userinfo"].get("email")
        if not email:
            return []
        # Verified only if the provider says so in as many words; otherwise a code is sent to the address.
        verified = data["userinfo"].get("email_verified") is True
        return [EmailAddress(email=email.lower(), verified=verified, primary=True)]


provider_classes = [ProConnectProvider]

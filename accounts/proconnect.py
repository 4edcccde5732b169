"""The exchange with ProConnect: signed answers only, tied to the request that asked for them."""

from typing import Any
from urllib.parse import urlencode

import jwt
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import constant_time_compare

ACCEPTED_ALGORITHMS = frozenset({"RS256", "ES256"})
SESSION_KEY = "accounts.proconnect"


class ProConnectAdapter(OpenIDConnectOAuth2Adapter):
    """ProConnect answers ``userinfo`` with a signed token, which the library would take for plain JSON."""

    def __init__(self, request: HttpRequest, provider_id: str = "proconnect") -> None:
        super().__init__(request, provider_id)

    def get_callback_url(self, request: HttpRequest, app: SocialApp) -> str:
        return f"{settings.SITE_URL}{reverse('proconnect_callback')}"

    def complete_login(self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any) -> SocialLogin:
        """Both tokens verified and about the same person, or :class:`OAuth2Error`."""
        id_token = kwargs["response"].get("id_token")
        if not id_token:
            raise OAuth2Error("no id_token")
        identity = self._verified(app, id_token)
        userinfo = self._fetch_signed_userinfo(app, token.token)
        subject = str(identity.get("sub") or "")
        if not subject or not constant_time_compare(subject, str(userinfo.get("sub") or "")):
            raise OAuth2Error("userinfo is about somebody else")
        request.session[SESSION_KEY] = {
            "id_token": id_token,
            "end_session": self.openid_config.get("end_session_endpoint", ""),
        }
        return self.get_provider().sociallogin_from_response(request, {"userinfo": userinfo, "id_token": identity})

    def _fetch_signed_userinfo(self, app: SocialApp, access_token: str) -> dict[str, Any]:
        with get_adapter().get_requests_session() as session:
            answer = session.get(self.profile_url, headers={"Authorization": f"Bearer {access_token}"})
            answer.raise_for_status()
        return self._verified(app, answer.text.strip())

    def _verified(self, app: SocialApp, credential: str) -> dict[str, Any]:
        """Claims of a token signed by the provider for us; issuer, audience, date and signature are checked."""
        try:
            algorithm = jwt.get_unverified_header(credential).get("alg")
        except jwt.PyJWTError as error:
            raise OAuth2Error("not a signed token") from error
        if algorithm not in ACCEPTED_ALGORITHMS:
            raise OAuth2Error("algorithm refused")
        try:
            return jwtkit.verify_and_decode(
                credential=credential,
                keys_url=self.openid_config["jwks_uri"],
                issuer=self.openid_config["issuer"],
                audience=app.client_id,
                lookup_kid=jwtkit.lookup_kid_jwk,
            )
        except (KeyError, ValueError) as error:
            raise OAuth2Error("token or keys without what is needed") from error


def check_nonce(request: HttpRequest, sociallogin: SocialLogin) -> None:
    """Stop a sign-in whose identity token was not made for the request that this browser sent."""
    asked = sociallogin.state.get("nonce") or ""
    answered = str(sociallogin.account.extra_data.get("nonce") or "")
    if not asked or not constant_time_compare(asked, answered):
        raise ImmediateHttpResponse(
            render_authentication_error(
                request, sociallogin.provider, exception=OAuth2Error("nonce of another request")
            )
        )


def end_session_url(request: HttpRequest) -> str | None:
    """Where to end the ProConnect session of the person signed in, or None if they came another way."""
    known = request.session.get(SESSION_KEY) or {}
    if not known.get("end_session"):
        return None
    query = {
        "id_token_hint": known["id_token"],
        "post_logout_redirect_uri": f"{settings.SITE_URL}/",
        "state": "deconnexion",
    }
    return f"{known['end_session']}?{urlencode(query)}"

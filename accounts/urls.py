"""Addresses of the account pages, in French. Names are the sign-in library's own, which it looks up itself;
``tests/accounts/test_urls.py`` checks that none it needs is missing."""

from collections.abc import Callable

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery_codes
from allauth.mfa.webauthn import views as webauthn
from allauth.socialaccount import views as social
from allauth.usersessions import views as sessions
from django.contrib.auth.decorators import login_not_required
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path

from accounts import views


def page(route: str, view: Callable[..., HttpResponseBase], *, name: str) -> URLPattern:
    """An address whose page, whoever wrote the view, stands in the site's own frame."""
    return path(route, views.in_our_frame(view), name=name)


urlpatterns = [
    page("compte/", views.account_home, name="account_home"),
    page("compte/identite/", views.account_identity, name="account_identity"),
    # Accounts of others
    page("compte/fermeture/", views.account_find, name="account_find"),
    page("compte/fermeture/<int:pk>/", views.account_close, name="account_close"),
    page("compte/fermeture/<int:pk>/reouverture/", views.account_reopen, name="account_reopen"),
    # Sign-in, sign-up, sign-out
    page("compte/connexion/", account.login, name="account_login"),
    page("compte/connexion/code/", account.confirm_login_code, name="account_confirm_login_code"),
    page("compte/deconnexion/", login_not_required(views.LogoutView.as_view()), name="account_logout"),
    page("compte/ferme/", account.account_inactive, name="account_inactive"),
    page("compte/creation/", account.signup, name="account_signup"),
    page("compte/verification/", account.reauthenticate, name="account_reauthenticate"),
    # Address
    page("compte/adresse/", account.email, name="account_email"),
    page("compte/adresse/code/", account.email_verification_sent, name="account_email_verification_sent"),
    # Password
    page("compte/mot-de-passe/", account.password_change, name="account_change_password"),
    page("compte/mot-de-passe/premier/", account.password_set, name="account_set_password"),
    page("compte/mot-de-passe/oublie/", account.password_reset, name="account_reset_password"),
    page(
        "compte/mot-de-passe/oublie/code/",
        account.confirm_password_reset_code,
        name="account_confirm_password_reset_code",
    ),
    page(
        "compte/mot-de-passe/oublie/nouveau/",
        account.complete_password_reset,
        name="account_complete_password_reset",
    ),
    page(
        "compte/mot-de-passe/oublie/fait/",
        account.password_reset_from_key_done,
        name="account_password_reset_completed",
    ),
    # Second factor
    page("compte/protection/", mfa.index, name="mfa_index"),
    page("compte/protection/connexion/", mfa.authenticate, name="mfa_authenticate"),
    page("compte/protection/verification/", mfa.reauthenticate, name="mfa_reauthenticate"),
    page("compte/protection/application/", views.ActivateTOTPView.as_view(), name="mfa_activate_totp"),
    page("compte/protection/application/retrait/", views.DeactivateTOTPView.as_view(), name="mfa_deactivate_totp"),
    page("compte/protection/secours/", recovery_codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    page(
        "compte/protection/secours/nouveaux/",
        recovery_codes.generate_recovery_codes,
        name="mfa_generate_recovery_codes",
    ),
    page(
        "compte/protection/secours/fichier/",
        recovery_codes.download_recovery_codes,
        name="mfa_download_recovery_codes",
    ),
    page("compte/protection/cles/", webauthn.list_webauthn, name="mfa_list_webauthn"),
    page("compte/protection/cles/ajout/", views.AddWebAuthnView.as_view(), name="mfa_add_webauthn"),
    page(
        "compte/protection/cles/verification/",
        webauthn.reauthenticate_webauthn,
        name="mfa_reauthenticate_webauthn",
    ),
    page("compte/protection/cles/<int:pk>/retrait/", views.RemoveWebAuthnView.as_view(), name="mfa_remove_webauthn"),
    page("compte/protection/cles/<int:pk>/nom/", webauthn.edit_webauthn, name="mfa_edit_webauthn"),
    # Lost second factor
    page("compte/perte/", views.recovery_request, name="recovery_request"),
    page("compte/perte/retrait/", views.recovery_complete, name="recovery_complete"),
    page("compte/perte/arret/", views.recovery_stop, name="recovery_stop"),
    page("compte/perte/annulation/<str:token>/", views.recovery_cancel, name="recovery_cancel"),
    page("compte/perte/demandes/", views.recovery_list, name="recovery_list"),
    page("compte/perte/demandes/<int:pk>/", views.recovery_approve, name="recovery_approve"),
    page("compte/perte/demandes/<int:pk>/refus/", views.recovery_refuse, name="recovery_refuse"),
    # Sessions
    page("compte/sessions/", sessions.list_usersessions, name="usersessions_list"),
    # Identity providers
    page("compte/identites/", social.connections, name="socialaccount_connections"),
    page("compte/identites/creation/", social.signup, name="socialaccount_signup"),
    page("compte/identites/annulee/", social.login_cancelled, name="socialaccount_login_cancelled"),
    page("compte/identites/erreur/", login_not_required(social.login_error), name="socialaccount_login_error"),
    page("compte/proconnect/", views.proconnect_login, name="proconnect_login"),
    page("compte/proconnect/retour/", views.proconnect_callback, name="proconnect_callback"),
]

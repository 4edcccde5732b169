"""Who may open the pages of the account."""

from typing import Any

from django.utils import timezone

from accounts import recovery
from accounts.models import FactorRecovery
from tests.access.model import ADMINISTRATOR, EVERYONE, EVERYONE_SIGNED_IN, Route
from tests.factories.accounts import UserFactory

SIGNED_IN = Route(EVERYONE_SIGNED_IN)
PUBLIC = Route(EVERYONE)
AGENTS = frozenset({ADMINISTRATOR})


def _recovery() -> FactorRecovery:
    existing = FactorRecovery.objects.first()
    return existing or recovery.request_recovery(
        user=UserFactory(second_factor=True), reason="téléphone perdu", at=timezone.now()
    )


def _recovery_pk(world: Any) -> dict[str, Any]:
    return {"pk": _recovery().pk}


def _recovery_token(world: Any) -> dict[str, Any]:
    return {"token": recovery.cancellation_token(_recovery())}


def _person_pk(world: Any) -> dict[str, Any]:
    return {"pk": _recovery().user_id}


def _key_pk(world: Any) -> dict[str, Any]:
    return {"pk": 0}


NOBODY = Route(frozenset(), _key_pk)

ROUTES: dict[str, Route] = {
    "account_home": SIGNED_IN,
    "account_identity": SIGNED_IN,
    # Pages of entrance: a person signed in is led on to their home page.
    "account_login": PUBLIC,
    "account_signup": PUBLIC,
    "account_confirm_login_code": PUBLIC,
    "account_logout": PUBLIC,
    "account_inactive": PUBLIC,
    "account_reauthenticate": SIGNED_IN,
    "account_email": SIGNED_IN,
    "account_email_verification_sent": PUBLIC,
    "account_change_password": SIGNED_IN,
    "account_set_password": SIGNED_IN,
    "account_reset_password": PUBLIC,
    "account_confirm_password_reset_code": PUBLIC,
    "account_complete_password_reset": PUBLIC,
    "account_password_reset_completed": PUBLIC,
    "mfa_index": SIGNED_IN,
    "mfa_authenticate": PUBLIC,
    "mfa_reauthenticate": SIGNED_IN,
    "mfa_activate_totp": SIGNED_IN,
    "mfa_list_webauthn": SIGNED_IN,
    "mfa_add_webauthn": SIGNED_IN,
    "mfa_reauthenticate_webauthn": SIGNED_IN,
    # One's own keys only: a key that is not yours does not exist.
    "mfa_remove_webauthn": NOBODY,
    "mfa_edit_webauthn": NOBODY,
    "recovery_request": PUBLIC,
    "recovery_cancel": Route(EVERYONE, _recovery_token),
    # Nothing to stop leads back to « Mon compte ».
    "recovery_stop": Route(EVERYONE_SIGNED_IN, method="post"),
    "recovery_list": Route(AGENTS),
    "recovery_approve": Route(AGENTS, _recovery_pk),
    "account_find": Route(AGENTS),
    "account_close": Route(AGENTS, _person_pk),
    "account_reopen": Route(AGENTS, _person_pk),
    "recovery_refuse": Route(AGENTS, _recovery_pk),
    "usersessions_list": SIGNED_IN,
    "socialaccount_connections": SIGNED_IN,
    "socialaccount_signup": PUBLIC,
    "socialaccount_login_cancelled": PUBLIC,
}

# Pages whose answer depends on what the person has enrolled, walked by ``tests/accounts`` instead.
WALKED_BY_THEIR_OWN_TESTS = frozenset(
    {
        "mfa_deactivate_totp",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_download_recovery_codes",
        "recovery_complete",
        "socialaccount_login_error",
        "proconnect_login",
        "proconnect_callback",
    }
)

"""Lost second factor: the person asks, two agents agree, forty-eight hours pass, then it may be removed.

The person receives a mail at each step, with a link that stops everything. A password alone, or one agent alone,
never removes a second factor.
"""

from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core import signing
from django.db import transaction
from django.urls import reverse

from accounts import confirmations, hooks
from accounts.models import FactorRecovery, User
from core.errors import Refused
from core.journal import record
from core.mail import queue_mail

State = FactorRecovery.State
DELAY = timedelta(hours=48)
LINK_VALIDITY = timedelta(days=30)
APPROVAL_ACT = "accounts.recovery.approve"
_SALT = "accounts.recovery.cancel"
_OPEN = (State.REQUESTED, State.APPROVED_ONCE, State.APPROVED)


def approval_digest(recovery: FactorRecovery) -> str:
    """Digest of what an agent is shown when they agree: the request, its person and its step."""
    return confirmations.content_digest(
        {"recovery": recovery.pk, "person": recovery.user_id, "state": str(recovery.state)}
    )


@transaction.atomic
def request_recovery(*, user: User, reason: str, at: datetime) -> FactorRecovery:
    """Open a request. The caller has checked the person's password in this very session.

    Raises :class:`Refused` when one is already open.
    """
    User.objects.select_for_update().get(pk=user.pk)
    if FactorRecovery.objects.filter(user=user, state__in=_OPEN).exists():
        raise Refused("Une demande est déjà en cours pour ce compte.", field="reason")
    recovery = FactorRecovery.objects.create(user=user, reason=reason, requested_at=at)
    _note(recovery, "second_factor_recovery_requested", actor=user, at=at, to_state=State.REQUESTED)
    _write(recovery, "requested", "Demande de secours pour votre seconde vérification")
    return recovery


@transaction.atomic
def approve_recovery(*, recovery: FactorRecovery, by: User, at: datetime) -> FactorRecovery:
    """One of the two agreements, confirmed by the agent's own second factor (act ``accounts.recovery.approve``).

    The second one starts the delay. Raises :class:`Refused` when the agent may not, is the person themself, agreed
    already, has not confirmed, or when the request is no longer waiting.
    """
    locked = FactorRecovery.objects.select_for_update(of=("self",)).select_related("user").get(pk=recovery.pk)
    if not hooks.may_approve_recovery(by):
        raise Refused("Seul un agent habilité peut donner cet accord.")
    if by.pk == locked.user_id:
        raise Refused("Vous ne pouvez pas donner un accord pour votre propre compte.")
    if locked.state not in (State.REQUESTED, State.APPROVED_ONCE):
        raise Refused("Cette demande n’attend plus d’accord.")
    if by.pk == locked.first_approved_by_id:
        raise Refused("Vous avez déjà donné votre accord : le second vient d’un autre agent.")
    confirmations.consume(user=by, act=APPROVAL_ACT, content_sha256=approval_digest(locked), at=at)
    before = str(locked.state)
    if before == State.REQUESTED:
        locked.approve_once(by=by, at=at)
    else:
        locked.approve(by=by, at=at, effective_from=at + DELAY)
    locked.save()
    _note(locked, "second_factor_recovery_approved", actor=by, at=at, from_state=before, to_state=str(locked.state))
    _write(locked, str(locked.state), "Votre demande de secours avance")
    return locked


@transaction.atomic
def cancel_recovery(*, recovery: FactorRecovery, by: User | None, at: datetime) -> FactorRecovery:
    """Stop a request at any moment before its execution. ``by`` is None for the link received by mail."""
    locked = FactorRecovery.objects.select_for_update(of=("self",)).select_related("user").get(pk=recovery.pk)
    if locked.state not in _OPEN:
        raise Refused("Cette demande est déjà terminée.")
    before = str(locked.state)
    locked.cancel(at=at)
    locked.save()
    _note(
        locked,
        "second_factor_recovery_cancelled",
        actor=by,
        at=at,
        from_state=before,
        to_state=State.CANCELLED,
    )
    _write(locked, "cancelled", "Votre demande de secours est annulée")
    return locked


@transaction.atomic
def complete_recovery(*, recovery: FactorRecovery, at: datetime) -> FactorRecovery:
    """Remove the lost factor and end every session, once the delay has passed.

    The caller has checked the person's password in this very session. Raises :class:`Refused` before the delay ends.
    """
    locked = FactorRecovery.objects.select_for_update(of=("self",)).select_related("user").get(pk=recovery.pk)
    if locked.state != State.APPROVED or locked.effective_from is None:
        raise Refused("Cette demande n’a pas reçu les deux accords nécessaires.")
    if at < locked.effective_from:
        raise Refused("Le délai de quarante-huit heures n’est pas écoulé.")
    Authenticator.objects.filter(user_id=locked.user_id).delete()
    for session in UserSession.objects.filter(user_id=locked.user_id):
        session.end()
    locked.complete(at=at)
    locked.save()
    _note(
        locked,
        "second_factor_removed",
        actor=locked.user,
        at=at,
        from_state=State.APPROVED,
        to_state=State.COMPLETED,
    )
    _write(locked, "completed", "Votre ancienne seconde vérification est retirée")
    return locked


def cancellation_token(recovery: FactorRecovery) -> str:
    """What the mails carry so that the person can stop the request without signing in."""
    return signing.dumps(recovery.pk, salt=_SALT)


def recovery_of_token(token: str) -> FactorRecovery | None:
    """The request named by a link of a mail, or None when the link is altered or older than thirty days."""
    try:
        pk = signing.loads(token, salt=_SALT, max_age=LINK_VALIDITY)
    except signing.BadSignature:
        return None
    return FactorRecovery.objects.filter(pk=pk).select_related("user").first()


def open_recovery_of(user: User) -> FactorRecovery | None:
    """The person's request in progress, if any."""
    return FactorRecovery.objects.filter(user=user, state__in=_OPEN).first()


def _note(
    recovery: FactorRecovery,
    action: str,
    *,
    actor: User | None,
    at: datetime,
    to_state: str,
    from_state: str = "",
) -> None:
    record(
        chain=f"person:{recovery.user_id}",
        action=action,
        at=at,
        actor=actor,
        from_state=from_state,
        to_state=str(to_state),
        data={"recovery": str(recovery.pk)},
    )


def _write(recovery: FactorRecovery, step: str, subject: str) -> None:
    effective = recovery.effective_from
    queue_mail(
        to=[recovery.user.email],
        subject=subject,
        template="emails/accounts/recovery.txt",
        context={
            "step": step,
            "effective_from": effective.isoformat() if effective else "",
            "cancel_path": reverse("recovery_cancel", args=[cancellation_token(recovery)]),
        },
        dedupe_key=f"accounts:recovery:{recovery.pk}:{step}",
    )

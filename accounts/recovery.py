"""Lost second factor: the person asks, two agents agree, forty-eight hours pass, then it may be removed for a week.

The person receives a mail at each step, with a link that stops everything. Whoever signs in with the factor said to be
lost, or enrols another, stops it too; nor does it remove a factor that was enrolled or shown since it was made. A
password alone, or one agent alone, never removes a second factor.
"""

from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core import signing
from django.db import transaction
from django.db.models import Q
from django.urls import reverse

from accounts import confirmations, hooks
from accounts.models import Confirmation, FactorRecovery, User
from accounts.second_factor import FACTORS
from core.errors import Refused
from core.journal import record
from core.mail import queue_mail
from core.templatetags.guichet import paris_datetime

State = FactorRecovery.State
DELAY = timedelta(hours=48)
APPROVAL_ACT = "accounts.recovery.approve"
_SALT = "accounts.recovery.cancel"
_UNFINISHED = (State.REQUESTED, State.APPROVED_ONCE, State.APPROVED)
FACTOR_FOUND = "Connexion avec la seconde vérification."
ACCOUNT_CLOSED = "Compte fermé."
FACTOR_RENEWED = "Nouvelle seconde vérification activée."
SHOWN_SINCE = (
    "La seconde vérification de ce compte a servi, ou une nouvelle a été activée, depuis cette demande\u00a0: rien n’est "
    "retiré. Annulez-la avec le lien reçu par courriel, puis faites-en une autre si vous en avez besoin."
)
LAPSED = "Cette demande a expiré\u00a0: elle n’a pas servi à temps. Faites-en une nouvelle."
OVER = "Cette demande est déjà terminée."


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
    for overdue in FactorRecovery.objects.overdue(at).filter(user=user):
        lapse_recovery(recovery=overdue, at=at)
    if FactorRecovery.objects.unfinished().filter(user=user).exists():
        raise Refused("Une demande est déjà en cours pour ce compte.", field="reason")
    recovery = FactorRecovery.objects.create(user=user, reason=reason, requested_at=at)
    _note(recovery, "second_factor_recovery_requested", actor=user, at=at, to_state=State.REQUESTED)
    _write(recovery, "requested", "Demande de secours pour votre seconde vérification")
    return recovery


def out_of_reach(*, user: User, by: User, at: datetime) -> str:
    """Why this agent's agreement does not count for that person: the operator's, or somebody of other calls alone."""
    if user.is_superuser and not by.is_superuser:
        return "C’est le compte de l’exploitant du site\u00a0: cet accord n’est pas de votre ressort."
    rights = hooks.rights_of(user=user, by=by, at=at)
    if rights and not any(right.is_reached for right in rights):
        return "Cette personne sert un appel que vous n’administrez pas\u00a0: cet accord n’est pas de votre ressort."
    return ""


@transaction.atomic
def approve_recovery(*, recovery: FactorRecovery, by: User, at: datetime) -> FactorRecovery:
    """One of the two agreements, confirmed by the agent's own second factor (act ``accounts.recovery.approve``).

    The second one starts the delay. Raises :class:`Refused` when the agent may not, is the person themself, agreed
    already, has not confirmed, or when the request is no longer waiting.
    """
    locked = _locked(recovery)
    agent = User.objects.get(pk=by.pk)
    if not agent.is_active or not hooks.may_approve_recovery(agent):
        raise Refused("Seul un agent habilité peut donner cet accord.")
    if obstacle := out_of_reach(user=locked.user, by=agent, at=at):
        raise Refused(obstacle)
    if by.pk == locked.user_id:
        raise Refused("Vous ne pouvez pas donner un accord pour votre propre compte.")
    if locked.state not in (State.REQUESTED, State.APPROVED_ONCE) or at >= locked.lapses_at:
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
    """The person stops a request at any moment before its execution; ``by`` is None for the link received by mail.

    Raises :class:`Refused` when it is over, or when ``by`` is somebody else, who would refuse it instead.
    """
    locked = _locked(recovery)
    if by is not None and by.pk != locked.user_id:
        raise Refused("Cette demande n’est pas la vôtre.")
    return _stop(locked, "cancelled", "Votre demande de secours est annulée", actor=by, at=at)


@transaction.atomic
def refuse_recovery(*, recovery: FactorRecovery, by: User, reason: str, at: datetime) -> FactorRecovery:
    """An agent stops a request, at any moment before its execution; the person reads why in a mail.

    Raises :class:`Refused` when the agent may not decide, or when the request is over.
    """
    locked = _locked(recovery)
    agent = User.objects.get(pk=by.pk)
    if not agent.is_active or not hooks.may_approve_recovery(agent):
        raise Refused("Seul un agent habilité peut refuser cette demande.")
    return _stop(locked, "refused", "Votre demande de secours est refusée", actor=by, at=at, reason=reason)


@transaction.atomic
def cancel_as_factor_was_shown(*, user: User, at: datetime, is_new: bool = False) -> None:
    """The person has just signed in with the factor said to be lost, or enrolled another (``is_new``): what is in
    progress stops, and they are told."""
    step, reason = ("renewed", FACTOR_RENEWED) if is_new else ("found", FACTOR_FOUND)
    for found in FactorRecovery.objects.unfinished().filter(user=user):
        locked = _locked(found)
        if locked.state in _UNFINISHED:
            _stop(locked, step, "Votre demande de secours est annulée", actor=user, at=at, reason=reason)


@transaction.atomic
def stop_with_the_account(*, user: User, by: User, at: datetime) -> None:
    """The account is being closed: a request in progress ends with it, and the mail about the closing says the rest."""
    for found in FactorRecovery.objects.unfinished().filter(user=user):
        locked = _locked(found)
        if locked.state in _UNFINISHED:
            before = str(locked.state)
            locked.cancel(at=at)
            locked.save()
            action, to_state = "second_factor_recovery_cancelled", State.CANCELLED
            _note(locked, action, actor=by, at=at, from_state=before, to_state=to_state, reason=ACCOUNT_CLOSED)


@transaction.atomic
def lapse_recovery(*, recovery: FactorRecovery, at: datetime) -> FactorRecovery:
    """Close a request left unused, if it is so at this instant and still open; the person is told."""
    locked = _locked(recovery)
    if locked.state not in _UNFINISHED or at < locked.lapses_at:
        return locked
    before = str(locked.state)
    locked.lapse(at=at)
    locked.save()
    _note(locked, "second_factor_recovery_lapsed", actor=None, at=at, from_state=before, to_state=State.LAPSED)
    _write(locked, "lapsed", "Votre demande de secours a expiré")
    return locked


@transaction.atomic
def complete_recovery(*, recovery: FactorRecovery, at: datetime) -> FactorRecovery:
    """Remove the lost factor and end every session, once the delay has passed and within the week that follows.

    The caller has checked the person's password in this very session. Raises :class:`Refused` before and after, and
    when a factor was enrolled or shown since the request: the agents agreed to the loss of what there was then.
    """
    locked = _locked(recovery)
    if locked.state != State.APPROVED or locked.effective_from is None:
        raise Refused("Cette demande n’a pas reçu les deux accords nécessaires.")
    if at < locked.effective_from:
        raise Refused("Le délai de quarante-huit heures n’est pas écoulé.")
    if at >= locked.lapses_at:
        raise Refused(LAPSED)
    if _was_shown_since(locked):
        raise Refused(SHOWN_SINCE)
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


def _was_shown_since(recovery: FactorRecovery) -> bool:
    """Whether somebody showed they hold a factor of this person, in a sign-in or an act, or enrolled one, since."""
    since = recovery.requested_at
    factors = Authenticator.objects.filter(user_id=recovery.user_id, type__in=FACTORS)
    shown = Q(created_at__gt=since) | Q(last_used_at__gt=since)
    acts = Confirmation.objects.filter(user_id=recovery.user_id, confirmed_at__gt=since)
    return factors.filter(shown).exists() or acts.exists()


def cancellation_token(recovery: FactorRecovery) -> str:
    """What the mails carry so that the person can stop the request without signing in."""
    return signing.dumps(recovery.pk, salt=_SALT)


def recovery_of_token(token: str) -> FactorRecovery | None:
    """The request named by a link of a mail, or None when the link is altered. It serves as long as the request."""
    try:
        pk = signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return None
    return FactorRecovery.objects.filter(pk=pk).select_related("user").first()


def open_recovery_of(user: User, at: datetime) -> FactorRecovery | None:
    """The person's request in progress at this instant, if any."""
    return FactorRecovery.objects.open(at).filter(user=user).first()


def _locked(recovery: FactorRecovery) -> FactorRecovery:
    return FactorRecovery.objects.select_for_update(of=("self",)).select_related("user").get(pk=recovery.pk)


def _stop(
    locked: FactorRecovery, step: str, subject: str, *, actor: User | None, at: datetime, reason: str = ""
) -> FactorRecovery:
    if locked.state not in _UNFINISHED:
        raise Refused(OVER)
    before = str(locked.state)
    locked.cancel(at=at)
    locked.save()
    action = f"second_factor_recovery_{'refused' if step == 'refused' else 'cancelled'}"
    _note(locked, action, actor=actor, at=at, from_state=before, to_state=State.CANCELLED, reason=reason)
    _write(locked, step, subject, reason=reason)
    return locked


def _note(
    recovery: FactorRecovery,
    action: str,
    *,
    actor: User | None,
    at: datetime,
    to_state: str,
    from_state: str = "",
    reason: str = "",
) -> None:
    record(
        chain=f"person:{recovery.user_id}",
        action=action,
        at=at,
        actor=actor,
        from_state=from_state,
        to_state=str(to_state),
        reason=reason,
        data={"recovery": str(recovery.pk)},
    )


def _write(recovery: FactorRecovery, step: str, subject: str, *, reason: str = "") -> None:
    effective = recovery.effective_from
    queue_mail(
        to=[recovery.user.email],
        subject=subject,
        template="emails/accounts/recovery.txt",
        context={
            "step": step,
            "reason": reason,
            "effective_from": paris_datetime(effective) if effective else "",
            "cancel_path": reverse("recovery_cancel", args=[cancellation_token(recovery)]),
        },
        dedupe_key=f"accounts:recovery:{recovery.pk}:{step}",
    )

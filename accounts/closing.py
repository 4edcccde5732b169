"""An account is closed by an agent, with a reason, and opened again the same way; nothing of the person is removed."""

from datetime import datetime

from allauth.usersessions.models import UserSession
from django.db import transaction

from accounts import hooks, recovery
from accounts.models import User
from core.errors import Refused
from core.journal import record
from core.mail import queue_mail


@transaction.atomic
def close_account(*, user: User, by: User, reason: str, at: datetime) -> User:
    """Close an account: its sessions end, nobody signs in with it, its mandates give no right any more.

    Raises :class:`Refused` when the agent may not, is the person themself, when the account is the operator's or has
    rights in a call of others, or is closed.
    """
    locked = _locked(user, by, at)
    if not locked.is_active:
        raise Refused("Ce compte est déjà fermé.")
    locked.is_active = False
    locked.save(update_fields=["is_active"])
    recovery.stop_with_the_account(user=locked, by=by, at=at)
    for session in UserSession.objects.filter(user_id=locked.pk):
        session.end()
    _tell(locked, "account_closed", "Votre compte Guichet est fermé", by=by, reason=reason, at=at)
    return locked


@transaction.atomic
def reopen_account(*, user: User, by: User, reason: str, at: datetime) -> User:
    """Open a closed account again, with the rights it still has; the person signs in as before.

    Raises :class:`Refused` when the agent may not, is the person themself, or when it is open.
    """
    locked = _locked(user, by, at)
    if locked.is_active:
        raise Refused("Ce compte est ouvert.")
    locked.is_active = True
    locked.save(update_fields=["is_active"])
    _tell(locked, "account_reopened", "Votre compte Guichet est rouvert", by=by, reason=reason, at=at)
    return locked


def out_of_reach(*, user: User, by: User, at: datetime) -> str:
    """Why this agent neither closes nor opens that account; empty when nothing is against it. Names nothing of it."""
    if user.is_superuser and not by.is_superuser:
        # Whoever administers one call would otherwise shut the site's last door.
        return "C’est le compte de l’exploitant du site\u00a0: adressez-vous à lui."
    if any(not right.is_reached for right in hooks.rights_of(user=user, by=by, at=at)):
        return (
            "Cette personne a aussi un mandat dans un appel que vous n’administrez pas\u00a0: adressez-vous à l’exploitant "
            "du site."
        )
    return ""


def _locked(user: User, by: User, at: datetime) -> User:
    """The person as they are now, judged by an agent as they are now: of two who close each other, one comes second."""
    rows = User.objects.select_for_update(no_key=True).filter(pk__in={user.pk, by.pk}).order_by("pk")
    people = {row.pk: row for row in rows}
    agent, locked = people[by.pk], people[user.pk]
    if not agent.is_active or not hooks.may_close_accounts(agent):
        raise Refused("Seul un agent habilité peut fermer ou rouvrir un compte.")
    if by.pk == user.pk:
        raise Refused("Vous ne pouvez pas fermer ni rouvrir votre propre compte.")
    if obstacle := out_of_reach(user=locked, by=agent, at=at):
        raise Refused(obstacle)
    return locked


def _tell(user: User, action: str, subject: str, *, by: User, reason: str, at: datetime) -> None:
    record(chain=f"person:{user.pk}", action=action, at=at, actor=by, reason=reason)
    queue_mail(
        to=[user.email],
        subject=subject,
        template="emails/accounts/closing.txt",
        context={"is_open": user.is_active, "reason": reason},
        dedupe_key=f"accounts:closing:{user.pk}:{at.isoformat()}",
    )

"""Places where rooms above attach what they do with an identity, without this room knowing them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import User

IdentityHook = Callable[[User, dict[str, Any], datetime], None]

# Called in order, inside the transaction that follows a sign-in by an identity provider, with the person, the
# provider's claims (``siret``, ``acr``, ``email``…) and the instant. A hook that raises stops the sign-in.
on_identity: list[IdentityHook] = []


def announce_identity(*, user: User, claims: dict[str, Any], at: datetime) -> None:
    """Give the claims of an identity provider to the rooms above."""
    for hook in on_identity:
        hook(user, claims, at)


def _is_administrator(user: User) -> bool:
    return user.is_active and user.is_staff


# Who may agree to remove a lost second factor. This room knows no mandates: a room above may put its own rule here.
recovery_approver: Callable[[User], bool] = _is_administrator


def may_approve_recovery(user: User) -> bool:
    """True for the agents whose agreement counts when a second factor is lost."""
    return recovery_approver(user)


def may_close_accounts(user: User) -> bool:
    """True for the agents who close accounts and open them again: those who decide on lost second factors."""
    return recovery_approver(user)


@dataclass(frozen=True)
class Right:
    """What a person may do, said to the agent who closes their account. ``is_reached``: that agent answers for it."""

    text: str
    is_reached: bool = True


# Asked in order with the person, the agent and the instant.
rights: list[Callable[[User, User, datetime], Iterable[Right]]] = []


def rights_of(*, user: User, by: User, at: datetime) -> list[Right]:
    """What the rooms above let ``user`` do at ``at`` or later, were the account open."""
    return [right for told in rights for right in told(user, by, at)]

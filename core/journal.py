"""Writing one decision to the journal. Numbering and hashing happen in the database, inside the chain's lock."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.models import JournalEntry

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser


def record(
    *,
    chain: str,
    action: str,
    at: datetime,
    actor: "AbstractBaseUser | None",
    on_behalf_of: "AbstractBaseUser | None" = None,
    from_state: str = "",
    to_state: str = "",
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> JournalEntry:
    """Appends one row to ``chain``, in the caller's transaction. ``data`` holds ids and amounts as text, no names."""
    return JournalEntry.objects.create(
        chain=chain,
        action=action,
        at=at,
        actor_id=actor.pk if actor else None,
        on_behalf_of_id=on_behalf_of.pk if on_behalf_of else None,
        from_state=from_state,
        to_state=to_state,
        reason=reason,
        data=data or {},
    )


# Rooms above name the chains that no page shows yet (what a meeting says before it is closed). Asked at each reading.
hidden_chains: list[Callable[[], Iterable[str]]] = []

"""The outcome of a dossier, played by the room that releases decisions."""

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from applications.models import Application
from applications.services.base import authorise, lock, move
from applications.workflow import DECISIONS, WORKFLOW
from core.errors import Refused


@transaction.atomic
def decide(
    *,
    application: Application,
    outcome: str,
    at: datetime,
    actor: User,
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> Application:
    """Gives the dossier its outcome (awarded, refused, waitlisted, redirected, deferred), in the caller's transaction.

    ``actor`` holds a mandate of the ministry over the dossier. ``data`` goes to the journal: ids, amounts as text.
    Refused from a state that does not allow it; nothing is notified here.
    """
    name = DECISIONS.get(str(outcome))
    if name is None:
        raise Refused("Cette décision n’existe pas.", field="outcome")
    locked = lock(application)
    authorise(locked, actor, name, at)
    WORKFLOW.check(locked, name, at)
    locked.decided_at = at
    move(locked, name, user=actor, at=at, reason=reason.strip(), data=data, changed=("decided_at",))
    return locked

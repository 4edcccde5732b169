"""What the worker does for the jury: the minutes of a closed deliberation."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from core import files, outbox
from jury.enums import DeliberationState
from jury.minutes import KIND, render_minutes
from jury.models import Deliberation
from jury.services.base import note


@outbox.handler("jury.minutes")
def write_minutes(payload: dict[str, Any]) -> None:
    """Renders and stores the minutes outside any transaction, then attaches them once; played again, nothing changes.

    Two workers at once store the same bytes twice and attach one of the two.
    """
    found = Deliberation.objects.select_related("jury__session__axis__call", "jury__grid").filter(
        pk=payload["deliberation"], state=DeliberationState.CLOSED, minutes_file__isnull=True
    )
    deliberation = found.first()
    if deliberation is None:
        return
    # The store may be far away: nothing is locked while it answers.
    stored = files.store(
        content=render_minutes(deliberation),
        name=f"{deliberation.minutes_number}.pdf",
        kind=KIND,
        media_type="application/pdf",
        actor_id=None,
    )
    with transaction.atomic():
        locked = Deliberation.objects.select_for_update(of=("self",)).get(pk=deliberation.pk)
        if locked.minutes_file_id is not None:
            return
        locked.minutes_file = stored
        locked.save(update_fields=["minutes_file"])
        # Whoever holds a copy can show which bytes were kept.
        data = {"deliberation": locked.pk, "minutes": locked.minutes_number, "sha256": stored.sha256}
        note(deliberation.jury, "minutes_written", at=timezone.now(), actor=None, data=data)

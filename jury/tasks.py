"""What the worker does for the jury: the minutes of a closed deliberation."""

from typing import Any

from django.db import transaction

from core import files, outbox
from jury.enums import DeliberationState
from jury.minutes import KIND, render_minutes
from jury.models import Deliberation


@outbox.handler("jury.minutes")
def write_minutes(payload: dict[str, Any]) -> None:
    """Renders the minutes outside any transaction, then attaches them once; played again, it changes nothing."""
    found = Deliberation.objects.select_related("jury__session__axis__call", "jury__grid").filter(
        pk=payload["deliberation"], state=DeliberationState.CLOSED, minutes_file__isnull=True
    )
    deliberation = found.first()
    if deliberation is None:
        return
    content = render_minutes(deliberation)
    with transaction.atomic():
        locked = Deliberation.objects.select_for_update(of=("self",)).get(pk=deliberation.pk)
        if locked.minutes_file_id is not None:
            return
        locked.minutes_file = files.store(
            content=content,
            name=f"{locked.minutes_number}.pdf",
            kind=KIND,
            media_type="application/pdf",
            actor_id=None,
        )
        locked.save(update_fields=["minutes_file"])

"""The decision as it was notified, seen from the page of its dossier."""

from applications.hooks import DecisionTold
from applications.models import Application
from jury.enums import DecisionListState
from jury.models import Decision


def decision_told(application: Application) -> DecisionTold | None:
    """The last released decision on the dossier: what its mail said. One query."""
    rows = Decision.objects.filter(application=application, decision_list__state=DecisionListState.RELEASED)
    row = rows.select_related("decision_list", "redirected_to").order_by("-decision_list__released_at", "-pk").first()
    if row is None or row.decision_list.released_at is None:
        return None
    return DecisionTold(
        list_number=row.decision_list.number or "",
        decided_at=row.decision_list.released_at,
        motive=row.motive,
        redirected_to=row.redirected_to.title if row.redirected_to else "",
    )

"""Menu entries of this room."""

from typing import Any

from django.utils import timezone

from applications.enums import ApplicationState
from applications.models import Application
from applications.permissions import applicant_side, has_organisation, is_screening_agent, screening_scope
from calls.enums import MandateRole
from calls.permissions import territory_scope
from core.navigation import counted, register


def to_finish(user: Any) -> str:
    """Drafts, and dossiers for which the service awaits something."""
    mine = Application.objects.visible_to(user).filter(applicant_side(user, timezone.now()))
    states = list(
        mine.filter(state__in=[ApplicationState.DRAFT, ApplicationState.COMPLETION_REQUESTED]).values_list(
            "state", flat=True
        )
    )
    parts = [
        counted(states.count(ApplicationState.COMPLETION_REQUESTED), "dossier à compléter", "dossiers à compléter"),
        counted(states.count(ApplicationState.DRAFT), "brouillon à terminer", "brouillons à terminer"),
    ]
    return ", ".join(filter(None, parts))


def to_screen(user: Any) -> str:
    """Filed dossiers that wait for a screener's word."""
    if not territory_scope(user, [MandateRole.SCREENER], timezone.now()):
        return ""
    rows = screening_scope(Application.objects.all(), user).filter(state=ApplicationState.SUBMITTED)
    return counted(rows.count(), "dossier à instruire", "dossiers à instruire")


register("Mes dossiers", "Mes dossiers", "application_list", visible=has_organisation, order=15, todo=to_finish)
register(
    "Instruction",
    "Dossiers à instruire",
    "screening_list",
    visible=is_screening_agent,
    order=30,
    todo=to_screen,
    todo_query=f"?etat={ApplicationState.SUBMITTED.value}",
)

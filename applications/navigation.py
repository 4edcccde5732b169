"""Menu entries of this room."""

from typing import Any

from django.db.models import Q
from django.utils import timezone

from applications.enums import ApplicationState
from applications.models import Application
from applications.permissions import has_organisation, is_screening_agent, screening_scope
from calls.enums import MandateRole
from core.navigation import counted, register
from territories.models import Affiliation


def to_finish(user: Any) -> str:
    """Drafts that may still be filed, and dossiers for which the service awaits something: those of the person's own
    organisations, not those that another member of a grouping leads."""
    at = timezone.now()
    led = Affiliation.objects.current(at).filter(user=user).values("organisation")
    states = list(
        Application.objects.visible_to(user)
        .filter(organisation__in=led)
        .filter(
            Q(state=ApplicationState.DRAFT, session__closes_at__gt=at) | Q(state=ApplicationState.COMPLETION_REQUESTED)
        )
        .values_list("state", flat=True)
    )
    parts = [
        counted(states.count(ApplicationState.COMPLETION_REQUESTED), "dossier à compléter", "dossiers à compléter"),
        counted(states.count(ApplicationState.DRAFT), "brouillon à terminer", "brouillons à terminer"),
    ]
    return ", ".join(filter(None, parts))


def to_screen(user: Any) -> str:
    """Filed dossiers that wait for a screener's word."""
    rows = screening_scope(Application.objects.all(), user, [MandateRole.SCREENER])
    rows = rows.filter(state=ApplicationState.SUBMITTED)
    return counted(rows.count(), "dossier à instruire", "dossiers à instruire")


register("Mes dossiers", "Mes dossiers", "application_list", visible=has_organisation, order=15, todo=to_finish)
register(
    "Instruction",
    "Dossiers déposés",
    "screening_list",
    visible=is_screening_agent,
    order=30,
    todo=to_screen,
    todo_query=f"?etat={ApplicationState.SUBMITTED.value}",
)

"""Menu entries of this room."""

from typing import Any

from django.utils import timezone

from calls.permissions import territory_scope
from calls.views.affiliations import ANSWERING_ROLES
from core.navigation import everyone, once, register


def answers_requests(user: Any) -> bool:
    """Whether the person answers requests of affiliation."""
    return once(user, "calls.answers_requests", lambda: bool(territory_scope(user, ANSWERING_ROLES, timezone.now())))


register("Appels à projets", "Appels à projets", "call_list", visible=everyone, order=10)
register("Suis-je éligible ?", "Suis-je éligible ?", "eligibility", visible=everyone, order=11)
register("Instruction", "Demandes de rattachement", "affiliation_requests", visible=answers_requests, order=39)

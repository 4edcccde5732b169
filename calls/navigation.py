"""Menu entries of this room."""

from typing import Any

from django.utils import timezone

from calls.permissions import territory_scope
from calls.views.affiliations import ANSWERING_ROLES, answerable_by
from core.navigation import counted, everyone, once, register


def answers_requests(user: Any) -> bool:
    """Whether the person answers requests of affiliation."""
    return once(user, "calls.answers_requests", lambda: bool(territory_scope(user, ANSWERING_ROLES, timezone.now())))


register("Appels à projets", "Appels à projets", "call_list", visible=everyone, order=10)
register("Suis-je éligible ?", "Suis-je éligible ?", "eligibility", visible=everyone, order=11)


def to_answer(user: Any) -> str:
    """Requests of affiliation that wait for the person's answer."""
    rows = answerable_by(user, timezone.now()).pending()
    return counted(rows.count(), "demande de rattachement à examiner", "demandes de rattachement à examiner")


def reads_the_journal(user: Any) -> bool:
    """Whether the journal of the site opens to this person."""
    return bool(user.is_authenticated) and user.has_perm("core.view_journalentry")


def administers(user: Any) -> bool:
    """Whether the site's administration shows something to this person."""
    return bool(user.is_authenticated) and user.is_staff and user.has_module_perms("calls")


register(
    "Instruction",
    "Demandes de rattachement",
    "affiliation_requests",
    visible=answers_requests,
    order=39,
    todo=to_answer,
)
register("Contrôle et réglages", "Journal", "journal", visible=reads_the_journal, order=70)
register("Contrôle et réglages", "Administration", "admin:index", visible=administers, order=71)

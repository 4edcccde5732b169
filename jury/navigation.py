"""Menu entries of this room, and the colours of its states."""

from typing import Any

from django.utils import timezone

from calls.enums import MandateRole
from calls.permissions import territory_scope
from core.components import states
from core.navigation import counted, register
from jury.enums import DecisionListState
from jury.permissions import due_evaluations, follows_juries, is_juror, reader_scope, visible_lists


def _reads_decisions(user: Any) -> bool:
    return bool(reader_scope(user))


def to_evaluate(user: Any) -> str:
    """What the person has still to hand in."""
    return counted(due_evaluations(user).count(), "dossier à évaluer", "dossiers à évaluer")


def to_release(user: Any) -> str:
    """Lists that another person prepared, for whoever releases."""
    if not territory_scope(user, [MandateRole.RELEASER], timezone.now()):
        return ""
    rows = visible_lists(user).filter(state=DecisionListState.PREPARED).exclude(prepared_by=user)
    return counted(rows.count(), "liste de décisions à libérer", "listes de décisions à libérer")


register("Jury et décisions", "Mes évaluations", "jury_desk", visible=is_juror, order=35, todo=to_evaluate)
register("Jury et décisions", "Suivi des jurys", "jury_index", visible=follows_juries, order=36)
register(
    "Jury et décisions", "Listes de décisions", "decision_index", visible=_reads_decisions, order=40, todo=to_release
)

states.register(
    {
        "assigned": "new",
        "open": "info",
        "closed": "success",
        "preparing": "new",
        "prepared": "warning",
        "released": "success",
        "cancelled": "",
    }
)

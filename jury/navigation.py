"""Menu entries of this room, and the colours of its states."""

from typing import Any

from core.components import states
from core.navigation import register
from jury.permissions import follows_juries, is_juror, reader_scope


def _reads_decisions(user: Any) -> bool:
    return bool(reader_scope(user))


register("Jury", "Mes évaluations", "jury_desk", visible=is_juror, order=35)
register("Jury", "Suivi des jurys", "jury_index", visible=follows_juries, order=36)
register("Décisions", "Listes de décisions", "decision_index", visible=_reads_decisions, order=40)

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

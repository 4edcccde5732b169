"""What the journal says of juries and decisions, in French."""

from typing import Any

from django.db.models import Q

from calls.models import Axis
from core import journal_words
from core.journal_names import names_in
from jury.enums import DecisionListState, DeliberationState, EvaluationState, Outcome
from jury.models import DecisionList, Jury
from jury.permissions import lists_of_hidden_dossiers, reader_scope


def juries(reader: Any, ids: set[str]) -> dict[str, str]:
    """Those of the axes that the reader follows. Those that still sit have no row on the page."""
    return names_in(Jury.objects.filter(_on_axis(reader, "session")), ids)


def lists(reader: Any, ids: set[str]) -> dict[str, str]:
    """Of decisions, by number, else by title; of the axes that the reader follows, and of no dossier kept from them."""
    rows = DecisionList.objects.filter(_on_axis(reader, "deliberation__jury__session"))
    return names_in(rows.exclude(pk__in=lists_of_hidden_dossiers(reader)), ids)


def _on_axis(reader: Any, session: str) -> Q:
    axis = f"{session}__axis"
    return Q(**{f"{axis}__in": [row.pk for row in Axis.objects.all() if reader_scope(reader).covers(axis=row)]})


journal_words.register(
    acts={
        "jury.constituted": "Jury constitué",
        "jury.assignment_proposed": "Affectation proposée",
        "jury.assignment_confirmed": "Affectation confirmée",
        "jury.juror_seated": "Juré affecté à un dossier",
        "jury.no_conflict": "Absence de conflit déclarée",
        "jury.recused": "Déport",
        "jury.evaluation_submitted": "Évaluation remise",
        "jury.postponed": "Séance déplacée",
        "jury.summoned": "Jury convoqué",
        "jury.attendance": "Présences enregistrées",
        "jury.opinion": "Avis du jury",
        "jury.block_confirmed": "Avis en bloc",
        "jury.deliberation_closed": "Délibération close",
        "jury.minutes_written": "Procès-verbal édité",
        "decision_list.created": "Liste de décisions commencée",
        "decision_list.decision_edited": "Liste de décisions\u00a0: décision changée",
        "decision_list.decision_removed": "Liste de décisions\u00a0: dossier retiré",
        "decision_list.prepared": "Liste de décisions proposée",
        "decision_list.reopened": "Liste de décisions reprise",
        "decision_list.sent_back": "Liste de décisions renvoyée à la préparation",
        "decision_list.cancelled": "Liste de décisions annulée",
        "decision_list.released": "Liste de décisions libérée",
    },
    states={"jury": (Outcome, EvaluationState, DeliberationState), "decision_list": DecisionListState},
    data={
        "grid": "grille",
        "members": "membres",
        "run": "affectation",
        "seats": "places",
        "juror": "membre du jury",
        "evaluation": "évaluation",
        "deliberation": "délibération",
        "held_at": "séance du",
        "departs": "s’écarte du classement",
        "reopens": "rouvre le dossier",
        "applications": "dossiers",
        "opinions": "avis",
        "minutes": "procès-verbal",
        "decision": "décision",
        "decision_list": "liste de décisions",
        "decisions": "décisions",
        "list": "liste",
        "count": "nombre",
        "total": "total (€)",
        "before": "avant",
        "outcome": "issue",
        "forgotten": "avis effacé",
    },
    chains={"jury": "Jury", "decision-list": "Liste de décisions"},
    names={"jury:": juries, **dict.fromkeys(("decision-list:", "decision_list", "list"), lists)},
    values={"outcome": Outcome, "before": Outcome, "forgotten": Outcome},
)

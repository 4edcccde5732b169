"""Who may open the pages of the jury and of the decisions."""

from typing import Any

from calls.models import Session
from jury.enums import DecisionListState
from tests.access.model import (
    ADMINISTRATOR,
    AUDITOR,
    CHAIR,
    JUROR,
    OFFICER,
    RECUSED,
    RELEASER,
    SIGNATORY,
    Route,
)

SEATED = frozenset({JUROR, RECUSED, CHAIR})
READING = frozenset({JUROR})
PRESIDING = frozenset({CHAIR})
# The agents of the ministry who follow the juries of their axes; then those who run one.
FOLLOWING = frozenset({OFFICER, RELEASER, SIGNATORY, AUDITOR, ADMINISTRATOR})
MANAGING = frozenset({CHAIR, OFFICER, ADMINISTRATOR})
PREPARING = frozenset({OFFICER})
RELEASING = frozenset({RELEASER})


def _evaluation(world: Any) -> dict[str, Any]:
    """What the juror has still to hand in."""
    return {"pk": world.evaluation(world.application, world.people[JUROR]).pk}


def _jury(world: Any) -> dict[str, Any]:
    return {"pk": world.jury.pk}


def _jury_dossier(world: Any) -> dict[str, Any]:
    return {"pk": world.jury.pk, "dossier": world.application.pk}


def _run(world: Any) -> dict[str, Any]:
    return {"pk": world.run.pk}


def _run_dossier(world: Any) -> dict[str, Any]:
    return {"pk": world.run.pk, "dossier": world.application.pk}


def _deliberation(world: Any) -> dict[str, Any]:
    return {"pk": world.deliberation.pk}


def _item(world: Any) -> dict[str, Any]:
    return {"pk": world.deliberation.pk, "dossier": world.application.pk}


def _closed(world: Any) -> dict[str, Any]:
    return {"pk": world.closed_deliberation.pk}


def _preparing(world: Any) -> dict[str, Any]:
    return {"pk": world.lists[DecisionListState.PREPARING].pk}


def _prepared(world: Any) -> dict[str, Any]:
    return {"pk": world.lists[DecisionListState.PREPARED].pk}


def _released(world: Any) -> dict[str, Any]:
    return {"pk": world.lists[DecisionListState.RELEASED].pk}


def _decision(world: Any) -> dict[str, Any]:
    preparing = world.lists[DecisionListState.PREPARING]
    return {"pk": preparing.pk, "decision": preparing.decisions.order_by("position")[0].pk}


def _unseated(world: Any) -> dict[str, Any]:
    """A session of the first axis that has no jury yet."""
    return {"pk": Session.objects.filter(axis=world.jury.session.axis, jury__isnull=True).earliest("pk").pk}


ROUTES: dict[str, Route] = {
    "jury_desk": Route(SEATED),
    "evaluation_page": Route(READING, _evaluation),
    "evaluation_declare": Route(READING, _evaluation, method="post"),
    "evaluation_recuse": Route(READING, _evaluation),
    "evaluation_save": Route(READING, _evaluation, method="post"),
    "evaluation_review": Route(READING, _evaluation),
    "evaluation_submit": Route(READING, _evaluation, method="post"),
    "jury_index": Route(FOLLOWING | PRESIDING),
    "jury_constitute": Route(frozenset({OFFICER, ADMINISTRATOR}), _unseated),
    "jury_detail": Route(FOLLOWING | PRESIDING, _jury),
    # Every member says what ties them to a dossier, and those who run the jury say it of a member.
    "jury_recuse": Route(MANAGING | READING, _jury_dossier),
    "jury_conflicts": Route(SEATED, _jury),
    "jury_dossier": Route(FOLLOWING | PRESIDING, _jury_dossier),
    "seat_add": Route(MANAGING, _jury_dossier),
    "assignment_propose": Route(MANAGING, _jury, method="post"),
    "assignment_run": Route(MANAGING, _run),
    "assignment_replay": Route(MANAGING, _run),
    "assignment_confirm": Route(MANAGING, _run, method="post"),
    "assignment_change": Route(MANAGING, _run_dossier),
    "jury_ranking": Route(FOLLOWING | PRESIDING, _jury),
    "ranking_export": Route(FOLLOWING | PRESIDING, _jury),
    "deliberation_summon": Route(MANAGING, _jury),
    "deliberation_postpone": Route(MANAGING, _deliberation),
    "deliberation_detail": Route(FOLLOWING | PRESIDING, _deliberation),
    "deliberation_attendance": Route(MANAGING, _deliberation),
    "deliberation_opinion": Route(MANAGING, _item),
    "deliberation_block": Route(PRESIDING, _deliberation),
    "deliberation_close": Route(PRESIDING, _deliberation),
    "deliberation_minutes": Route(FOLLOWING | PRESIDING, _closed),
    "decision_index": Route(FOLLOWING),
    "decision_list_prepare": Route(PREPARING, _closed),
    "decision_list_waiting": Route(PREPARING, _closed),
    "decision_list_detail": Route(FOLLOWING, _preparing),
    "decision_list_export": Route(FOLLOWING, _released),
    "decision_edit": Route(PREPARING, _decision),
    "decision_remove": Route(PREPARING, _decision),
    "decision_list_propose": Route(PREPARING, _preparing, method="post"),
    "decision_list_reopen": Route(PREPARING, _prepared, method="post"),
    "decision_list_send_back": Route(RELEASING, _prepared),
    "decision_list_cancel": Route(PREPARING, _prepared),
    "decision_list_release": Route(RELEASING, _prepared),
    "decision_list_released": Route(FOLLOWING, _released),
}

"""One juror's reading of one dossier: no conflict, marks, total."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from core.errors import Refused
from core.idempotency import idempotent
from jury.enums import EvaluationState
from jury.models import Evaluation, Score
from jury.queries import criteria_of
from jury.scoring import Total, total_of
from jury.services.base import NOT_YOURS, authorise, lock_evaluation, note, refuse_if_tied
from jury.workflow import EVALUATION

STALE = (
    "Cette évaluation a été enregistrée entre-temps, peut-être dans un autre onglet. Ouvrez la dernière version et "
    "recopiez-y ce qui manque."
)


@dataclass(frozen=True)
class MarkInput:
    """What a juror says on one criterion: ``mark`` None is an explicit « sans avis »."""

    mark: int | None
    comment: str = ""


@transaction.atomic
def declare_no_conflict(*, evaluation: Evaluation, at: datetime, actor: User) -> Evaluation:
    """The juror states that nothing ties them to the dossier. Saying it twice changes nothing. Raises Refused."""
    locked = lock_evaluation(evaluation)
    authorise(EVALUATION, actor, locked, "submit", at)
    refuse_if_tied(actor, locked.application, at)
    if locked.state == EvaluationState.WITHDRAWN:
        raise Refused(NOT_YOURS)
    if locked.no_conflict_declared_at is None:
        locked.no_conflict_declared_at = at
        locked.save(update_fields=["no_conflict_declared_at"])
        note(
            locked.juror.jury,
            "no_conflict",
            at=at,
            actor=actor,
            data={"juror": locked.juror_id, "application": str(locked.application_id)},
        )
    return locked


@transaction.atomic
def save_evaluation(
    *,
    evaluation: Evaluation,
    marks: Mapping[str, MarkInput],
    comment: str,
    version: int,
    at: datetime,
    actor: User,
) -> Evaluation:
    """Keeps a draft. ``marks`` by criterion code; a criterion left out is « not yet read ». Raises Refused."""
    locked = _open(evaluation, "submit", version, at, actor)
    _write(locked, marks, comment)
    if locked.state == EvaluationState.ASSIGNED:
        locked.start()
    locked.version += 1
    locked.save(update_fields=["state", "comment", "version"])
    return locked


def incomplete(*, evaluation: Evaluation, marks: Mapping[str, MarkInput]) -> Refused | None:
    """What ``submit_evaluation`` would refuse of these marks, with the sentence of each criterion left out; or None."""
    try:
        _complete_total(evaluation, marks)
    except Refused as refusal:
        return refusal
    return None


@transaction.atomic
def submit_evaluation(
    *,
    evaluation: Evaluation,
    marks: Mapping[str, MarkInput],
    comment: str,
    version: int,
    at: datetime,
    actor: User,
    key: str,
) -> Evaluation:
    """Hands in the evaluation, which then never changes. Every criterion is marked or explicitly without opinion.

    The total, out of 20, renormalises the weights over the criteria marked. Raises Refused, with the sentence of each
    criterion left out in ``data["fields"]`` (``mark_<code>``); the same ``key`` again gives the same evaluation.
    """
    content = {
        "evaluation": evaluation.pk,
        "marks": {code: [item.mark, item.comment] for code, item in marks.items()},
        "comment": comment,
    }
    with idempotent(key=key, act="jury.submit_evaluation", actor=actor, content=content) as command:
        if command.is_replay:
            return Evaluation.objects.get(pk=command.answer["evaluation"])
        locked = _open(evaluation, "submit", version, at, actor)
        total = _complete_total(locked, marks)
        _write(locked, marks, comment)
        before = locked.state
        locked.total = total.value
        locked.submitted_at = at
        locked.submit()
        locked.version += 1
        locked.save(update_fields=["state", "total", "submitted_at", "comment", "version"])
        # The mark itself stays out of the journal: scores are confidential.
        note(
            locked.juror.jury,
            "evaluation_submitted",
            at=at,
            actor=actor,
            from_state=before,
            to_state=locked.state,
            data={"evaluation": str(locked.pk), "application": str(locked.application_id)},
        )
        command.answer = {"evaluation": str(locked.pk)}
    return locked


def _open(evaluation: Evaluation, name: str, version: int, at: datetime, actor: User) -> Evaluation:
    locked = lock_evaluation(evaluation)
    authorise(EVALUATION, actor, locked, name, at)
    refuse_if_tied(actor, locked.application, at)
    EVALUATION.check(locked, name, at)
    if locked.version != version:
        raise Refused(STALE, field="version")
    return locked


def _write(evaluation: Evaluation, marks: Mapping[str, MarkInput], comment: str) -> None:
    """Replaces the scores: three queries whatever the number of criteria."""
    grid = evaluation.juror.jury.grid
    criteria = {criterion.code: criterion for criterion in grid.criteria.all()}
    for code, item in marks.items():
        if code not in criteria:
            raise Refused("Ce critère n’est pas dans la grille.", field="version")
        if item.mark is not None and not 0 <= item.mark <= grid.maximum:
            raise Refused(f"La note va de 0 à {grid.maximum}.", field=f"mark_{code}")
    evaluation.scores.all().delete()
    Score.objects.bulk_create(
        Score(evaluation=evaluation, criterion=criteria[code], mark=item.mark, comment=item.comment.strip())
        for code, item in marks.items()
    )
    evaluation.comment = comment.strip()


def _complete_total(evaluation: Evaluation, marks: Mapping[str, MarkInput]) -> Total:
    grid = evaluation.juror.jury.grid
    criteria = criteria_of(grid)
    missing = {
        f"mark_{criterion.code}": f"Donnez une note sur « {criterion.label} », ou choisissez « sans avis »."
        for criterion in criteria
        if criterion.code not in marks
    }
    if missing:
        field, sentence = next(iter(missing.items()))
        raise Refused(sentence, field=field, data={"fields": missing})
    given: dict[str, Any] = {code: item.mark for code, item in marks.items()}
    total = total_of(criteria, given, grid.maximum)
    if total is None:
        raise Refused(
            "Vous êtes sans avis sur tous les critères : notez-en un au moins, ou déportez-vous du dossier.",
            field=f"mark_{criteria[0].code}",
        )
    return total

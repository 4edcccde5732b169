"""The tables of the jury's workflows: an evaluation, a deliberation, a list of decisions."""

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db.models import Sum

from applications.enums import ApplicationState
from calls.enums import MandateRole
from calls.permissions import has_mandate, territory_scope
from core.workflow import Role, Transition, Workflow, register
from jury.enums import DecisionListState, DeliberationState, EvaluationState

if TYPE_CHECKING:
    from jury.models import Decision, DecisionList, Deliberation, Evaluation, Jury

JUROR, CHAIR, OFFICER, RELEASER = "juror", "chair", "officer", "releaser"
_EVALUATION, _DELIBERATION, _LIST = EvaluationState, DeliberationState, DecisionListState


def is_member(user: Any, jury: "Jury", at: datetime) -> bool:
    """Sits in this jury, with a juror's or a chair's mandate in force on its axis."""
    if not getattr(user, "is_active", False) or not jury.jurors.filter(user_id=user.pk).exists():
        return False
    return has_mandate(user, [MandateRole.JUROR, MandateRole.CHAIR], axis=jury.session.axis, at=at)


def is_chair(user: Any, jury: "Jury", at: datetime) -> bool:
    """Presides this jury, with the chair's mandate in force on its axis."""
    if not getattr(user, "is_active", False) or not jury.jurors.filter(user_id=user.pk, is_chair=True).exists():
        return False
    return has_mandate(user, [MandateRole.CHAIR], axis=jury.session.axis, at=at)


def is_officer(user: Any, jury: "Jury", at: datetime) -> bool:
    """Manages this jury's axis for the ministry, over the whole country."""
    if not getattr(user, "is_active", False):
        return False
    scope = territory_scope(user, [MandateRole.OFFICER, MandateRole.ADMINISTRATOR], at)
    axis = jury.session.axis
    return any(reach.departements is None and reach.covers(axis, None, "") for reach in scope.reaches)


def covers_list(user: Any, decision_list: "DecisionList", role: MandateRole, at: datetime) -> bool:
    """Holds mandates of this role over the axis and every département of the list."""
    if not getattr(user, "is_active", False):
        return False
    axis = decision_list.deliberation.jury.session.axis
    scope = territory_scope(user, [role], at)
    codes = set(decision_list.decisions.order_by().values_list("application__departement_code", flat=True))
    return all(scope.covers(axis=axis, departement=code) for code in codes or {""})


def _evaluator(user: Any, evaluation: "Evaluation", at: datetime) -> bool:
    return evaluation.juror.user_id == getattr(user, "pk", None) and is_member(user, evaluation.juror.jury, at)


def _chair_of_evaluation(user: Any, evaluation: "Evaluation", at: datetime) -> bool:
    return is_chair(user, evaluation.juror.jury, at)


def _chair_of_deliberation(user: Any, deliberation: "Deliberation", at: datetime) -> bool:
    return is_chair(user, deliberation.jury, at)


def _list_officer(user: Any, decision_list: "DecisionList", at: datetime) -> bool:
    return covers_list(user, decision_list, MandateRole.OFFICER, at)


def _list_releaser(user: Any, decision_list: "DecisionList", at: datetime) -> bool:
    return covers_list(user, decision_list, MandateRole.RELEASER, at)


def guard_no_conflict(evaluation: "Evaluation", at: datetime) -> str:
    """Nobody reads a dossier before having said that nothing ties them to it (loi 2013-907, art. 2)."""
    if evaluation.no_conflict_declared_at is None:
        return "Déclarez d’abord que vous n’avez pas de conflit d’intérêts avec ce dossier."
    return ""


def guard_admissible(evaluation: "Evaluation", at: datetime) -> str:
    if evaluation.application.state != ApplicationState.ADMISSIBLE:
        return "Ce dossier n’attend plus l’avis du jury."
    return ""


def guard_not_deliberated(evaluation: "Evaluation", at: datetime) -> str:
    closed = evaluation.application.opinions.filter(deliberation__state=DeliberationState.CLOSED)
    if closed.exists():
        return "Le jury a déjà délibéré sur ce dossier : les évaluations sont closes."
    return ""


def guard_not_recused(evaluation: "Evaluation", at: datetime) -> str:
    if evaluation.juror.recusals.filter(application_id=evaluation.application_id).exists():
        return "Ce juré s’est déporté de ce dossier : il ne peut plus y être affecté."
    return ""


def guard_held(deliberation: "Deliberation", at: datetime) -> str:
    if at < deliberation.held_at:
        return "La séance ne s’est pas encore tenue."
    return ""


def guard_has_opinions(deliberation: "Deliberation", at: datetime) -> str:
    if not deliberation.opinions.exists():
        return "Aucun avis n’est enregistré : il n’y a rien à clore."
    return ""


def guard_has_decisions(decision_list: "DecisionList", at: datetime) -> str:
    if not decision_list.decisions.exists():
        return "La liste est vide : il n’y a rien à libérer."
    return ""


EVALUATION = register(
    Workflow(
        code="evaluation",
        title="Évaluation d’un juré",
        states=EvaluationState,
        initial=_EVALUATION.ASSIGNED.value,
        roles=(
            Role(JUROR, "juré affecté au dossier", _evaluator),
            Role(CHAIR, "président du jury", _chair_of_evaluation),
        ),
        transitions=(
            Transition(
                "start",
                (_EVALUATION.ASSIGNED.value,),
                _EVALUATION.DRAFT.value,
                (JUROR,),
                "Enregistrer",
                "Évaluation commencée",
                guards=(guard_no_conflict, guard_admissible, guard_not_deliberated),
            ),
            Transition(
                "submit",
                (_EVALUATION.ASSIGNED.value, _EVALUATION.DRAFT.value),
                _EVALUATION.SUBMITTED.value,
                (JUROR,),
                "Remettre l’évaluation",
                "Évaluation remise",
                guards=(guard_no_conflict, guard_admissible, guard_not_deliberated),
            ),
            Transition(
                "withdraw",
                (_EVALUATION.ASSIGNED.value, _EVALUATION.DRAFT.value, _EVALUATION.SUBMITTED.value),
                _EVALUATION.WITHDRAWN.value,
                (JUROR, CHAIR),
                "Se déporter, ou retirer l’affectation",
                "Évaluation retirée",
                guards=(guard_not_deliberated,),
            ),
            Transition(
                "reassign",
                (_EVALUATION.WITHDRAWN.value,),
                _EVALUATION.ASSIGNED.value,
                (CHAIR,),
                "Affecter de nouveau",
                "Évaluation affectée de nouveau",
                guards=(guard_not_recused, guard_not_deliberated),
            ),
        ),
        next_steps={
            _EVALUATION.ASSIGNED.value: {"juror": "Dites d’abord si quelque chose vous lie à ce dossier."},
            _EVALUATION.DRAFT.value: {"juror": "Terminez la grille, puis remettez votre évaluation."},
            _EVALUATION.SUBMITTED.value: {"juror": "Votre évaluation est remise. Elle ne change plus."},
            _EVALUATION.WITHDRAWN.value: {"juror": "Vous n’avez plus accès à ce dossier."},
        },
    )
)

DELIBERATION = register(
    Workflow(
        code="deliberation",
        title="Délibération du jury",
        states=DeliberationState,
        initial=_DELIBERATION.OPEN.value,
        roles=(Role(CHAIR, "président du jury", _chair_of_deliberation),),
        transitions=(
            Transition(
                "close",
                (_DELIBERATION.OPEN.value,),
                _DELIBERATION.CLOSED.value,
                (CHAIR,),
                "Clore la délibération",
                "Délibération close",
                guards=(guard_held, guard_has_opinions),
            ),
        ),
        next_steps={
            _DELIBERATION.OPEN.value: {"service": "Enregistrez les présences, puis l’avis du jury sur chaque dossier."},
            _DELIBERATION.CLOSED.value: {
                "service": "Le procès-verbal est établi. Le ministère peut préparer la liste de décisions."
            },
        },
    )
)

DECISION_LIST = register(
    Workflow(
        code="decision_list",
        title="Liste de décisions",
        states=DecisionListState,
        initial=_LIST.PREPARING.value,
        roles=(
            Role(OFFICER, "gestionnaire du ministère", _list_officer),
            Role(RELEASER, "ordonnateur (seconde personne)", _list_releaser),
        ),
        transitions=(
            Transition(
                "mark_prepared",
                (_LIST.PREPARING.value,),
                _LIST.PREPARED.value,
                (OFFICER,),
                "Proposer à la libération",
                "Liste proposée à la libération",
                guards=(guard_has_decisions,),
            ),
            Transition(
                "reopen",
                (_LIST.PREPARED.value,),
                _LIST.PREPARING.value,
                (OFFICER,),
                "Reprendre la préparation",
                "Préparation reprise",
            ),
            Transition(
                "send_back",
                (_LIST.PREPARED.value,),
                _LIST.PREPARING.value,
                (RELEASER,),
                "Renvoyer à la préparation",
                "Liste renvoyée à la préparation",
                needs_reason=True,
            ),
            Transition(
                "cancel",
                (_LIST.PREPARING.value, _LIST.PREPARED.value),
                _LIST.CANCELLED.value,
                (OFFICER,),
                "Annuler la liste",
                "Liste annulée",
                needs_reason=True,
            ),
            Transition(
                "release",
                (_LIST.PREPARED.value,),
                _LIST.RELEASED.value,
                (RELEASER,),
                "Libérer la liste",
                "Liste libérée",
                guards=(guard_has_decisions,),
            ),
        ),
        next_steps={
            _LIST.PREPARING.value: {
                "service": "Relisez chaque décision, corrigez au besoin, puis proposez la liste à la libération."
            },
            _LIST.PREPARED.value: {
                "service": "Une autre personne, ordonnateur, relit la liste et la libère avec son code.",
                "releaser": "Relisez la liste, puis libérez-la avec votre code, ou renvoyez-la à la préparation en disant "
                "pourquoi.",
            },
            _LIST.RELEASED.value: {"service": "Les crédits ont été réservés, et les collectivités prévenues."},
            _LIST.CANCELLED.value: {"service": "Cette liste n’a produit aucun effet."},
        },
    )
)


def needs_second_person(decision_list: "DecisionList", decisions: list["Decision"]) -> bool:
    """Above the call's threshold, in euros, who touched the list may not release it.

    All the lists of the jury count, whoever made them: cut in small lists, the awards are the same.
    """
    total = sum((decision.amount_granted or Decimal(0) for decision in decisions), Decimal(0))
    jury = decision_list.deliberation.jury
    others = type(decision_list).objects.filter(deliberation__jury=jury).exclude(pk=decision_list.pk)
    others = others.exclude(state=_LIST.CANCELLED.value)
    total += others.aggregate(total=Sum("decisions__amount_granted"))["total"] or 0
    return total > jury.session.axis.call.two_person_threshold

"""The one table of a dossier's workflow: states, who moves it, what stops it, what comes next."""

from datetime import datetime
from typing import TYPE_CHECKING

from applications.enums import ApplicationState as State
from applications.roles import APPLICANT, DECIDER, SCREENER, is_applicant, is_decider, is_screener
from calls.enums import Verdict
from core.templatetags.guichet import paris_datetime
from core.workflow import Role, Transition, Workflow, register

if TYPE_CHECKING:
    from applications.models import Application


# Décret 2018-514, art. 7: what the applicant, and the service, are told once the time limit has passed.
DEEMED_REJECTED = (
    "Le service n’a pas décidé à temps\u00a0: votre demande est réputée rejetée. "
    "Le dossier indique vos voies de recours pour la contester."
)
DECIDE_LATE = (
    "Le délai de décision est dépassé\u00a0: la demande est réputée rejetée. Une décision expresse reste possible."
)
CLOSED_DRAFT = "La relève est close\u00a0: ce brouillon ne peut plus être déposé."


def guard_session_open(application: "Application", at: datetime) -> str:
    """A dossier enters while its session is open; both ends are instants, Europe/Paris."""
    session = application.session
    if at < session.opens_at:
        return f"La relève n’est pas encore ouverte\u00a0: le dépôt commence le {paris_datetime(session.opens_at)}."
    if at > session.closes_at:
        return (
            f"La relève est close depuis le {paris_datetime(session.closes_at)}, heure de Paris. "
            "Ce dossier ne peut plus être déposé\u00a0; votre brouillon reste enregistré."
        )
    return ""


def guard_not_complete(application: "Application", at: datetime) -> str:
    """Once complete, said or by silence, nothing stops the clock any more (décret 2018-514, art. 4)."""
    if application.completed_at is not None or application.is_deemed_complete(at):
        return (
            "Ce dossier est complet\u00a0: une demande de compléments ne peut plus suspendre le délai de décision "
            "(décret n° 2018-514, art. 4). Écrivez au porteur dans les échanges."
        )
    return ""


def guard_not_overdue(application: "Application", at: datetime) -> str:
    """An implicit rejection already born is not undone by asking for more (décret 2018-514, art. 7)."""
    if application.is_overdue(at):
        return (
            "Le délai de décision est dépassé\u00a0: la demande est réputée rejetée, et une demande de compléments ne "
            "le rouvre pas. Prenez une décision expresse, ou écrivez au porteur dans les échanges."
        )
    return ""


def guard_not_ineligible(application: "Application", at: datetime) -> str:
    """A dossier that fails a rule of the call cannot be declared admissible."""
    record = application.eligibility_records.order_by("evaluated_at", "id").last()
    if record is not None and record.verdict == Verdict.NOT_ELIGIBLE:
        return "Une règle d’éligibilité n’est pas remplie\u00a0: ce dossier ne peut pas être déclaré recevable."
    return ""


def guard_answer_overdue(application: "Application", at: datetime) -> str:
    """While items are awaited, nobody is set aside before the time they were given has passed (CRPA L114-5)."""
    if application.state != State.COMPLETION_REQUESTED:
        return ""
    request = application.open_completion_request()
    if request is not None and at <= request.due_at:
        return f"Le porteur a jusqu’au {paris_datetime(request.due_at)} pour répondre à la demande de compléments."
    return ""


def guard_waiting_list(application: "Application", at: datetime) -> str:
    if not application.call.has_waiting_list:
        return "Cet appel n’a pas de liste d’attente."
    return ""


WORKFLOW = register(
    Workflow(
        code="application",
        title="Dossier de candidature",
        states=State,
        initial=State.DRAFT.value,
        roles=(
            Role(APPLICANT, "porteur", is_applicant),
            Role(SCREENER, "service instructeur", is_screener),
            Role(DECIDER, "ministère", is_decider),
        ),
        transitions=(
            Transition(
                "submit",
                (State.DRAFT.value,),
                State.SUBMITTED.value,
                (APPLICANT,),
                "Déposer le dossier",
                "Dossier déposé",
                guards=(guard_session_open,),
            ),
            Transition(
                "request_completion",
                (State.SUBMITTED.value,),
                State.COMPLETION_REQUESTED.value,
                (SCREENER,),
                "Demander des compléments",
                "Compléments demandés",
                guards=(guard_not_complete, guard_not_overdue),
            ),
            Transition(
                "answer_completion",
                (State.COMPLETION_REQUESTED.value,),
                State.SUBMITTED.value,
                (APPLICANT,),
                "Envoyer les compléments",
                "Compléments reçus",
            ),
            Transition(
                "declare_admissible",
                (State.SUBMITTED.value,),
                State.ADMISSIBLE.value,
                (SCREENER,),
                "Déclarer recevable",
                "Dossier déclaré recevable",
                guards=(guard_not_ineligible,),
            ),
            Transition(
                "declare_inadmissible",
                (State.SUBMITTED.value, State.COMPLETION_REQUESTED.value),
                State.INADMISSIBLE.value,
                (SCREENER,),
                "Déclarer irrecevable",
                "Dossier déclaré irrecevable",
                needs_reason=True,
                guards=(guard_answer_overdue,),
            ),
            Transition(
                "withdraw",
                (
                    State.DRAFT.value,
                    State.SUBMITTED.value,
                    State.COMPLETION_REQUESTED.value,
                    State.ADMISSIBLE.value,
                    State.WAITLISTED.value,
                ),
                State.WITHDRAWN.value,
                (APPLICANT,),
                "Retirer le dossier",
                "Dossier retiré",
            ),
            Transition(
                "award",
                (State.ADMISSIBLE.value, State.WAITLISTED.value),
                State.AWARDED.value,
                (DECIDER,),
                "Retenir",
                "Dossier retenu",
            ),
            Transition(
                "refuse",
                (State.ADMISSIBLE.value, State.WAITLISTED.value),
                State.REFUSED.value,
                (DECIDER,),
                "Ne pas retenir",
                "Dossier non retenu",
            ),
            Transition(
                "waitlist",
                (State.ADMISSIBLE.value,),
                State.WAITLISTED.value,
                (DECIDER,),
                "Inscrire sur la liste d’attente",
                "Dossier inscrit sur la liste d’attente",
                guards=(guard_waiting_list,),
            ),
            Transition(
                "redirect",
                (State.ADMISSIBLE.value,),
                State.REDIRECTED.value,
                (DECIDER,),
                "Réorienter",
                "Dossier réorienté vers un autre guichet",
            ),
            Transition(
                "defer",
                (State.ADMISSIBLE.value,),
                State.DEFERRED.value,
                (DECIDER,),
                "Ajourner",
                "Dossier ajourné",
            ),
        ),
        next_steps={
            State.DRAFT.value: {
                "applicant": "Complétez les rubriques à votre rythme, puis déposez le dossier. Votre brouillon est "
                "enregistré\u00a0: vous pouvez le fermer et revenir plus tard.",
            },
            State.SUBMITTED.value: {
                "applicant": "Vous n’avez rien à faire. Le service vérifie que le dossier est complet\u00a0; "
                "il vous écrira s’il manque une pièce.",
                "service": "Vérifiez que le dossier est complet, puis déclarez-le recevable ou irrecevable.",
            },
            State.COMPLETION_REQUESTED.value: {
                "applicant": "Le service attend des compléments. Répondez avant la date indiquée\u00a0: le délai "
                "de décision est suspendu jusqu’à votre réponse, et au plus tard jusqu’à cette date.",
                "service": "Le porteur doit répondre. Le délai de décision est suspendu jusqu’à sa réponse, et au plus "
                "tard jusqu’à la date demandée.",
            },
            State.ADMISSIBLE.value: {
                "applicant": "Vous n’avez rien à faire. Votre dossier est recevable\u00a0: le jury va l’examiner.",
                "service": "Le dossier attend l’examen du jury.",
            },
            State.INADMISSIBLE.value: {
                "applicant": "Le dossier ne sera pas examiné par le jury. Le motif et les voies de recours sont "
                "indiqués ci-dessous.",
                "service": "Le dossier est écarté avant le jury. Aucune action n’est attendue.",
            },
            State.AWARDED.value: {
                "applicant": "Votre projet est retenu. Sa convention de subvention se suit dans «\u00a0Conventions\u00a0».",
                "service": "La convention de subvention suit son cours.",
            },
            State.REFUSED.value: {
                "applicant": "Votre projet n’est pas retenu. La décision et ses voies de recours vous sont notifiées.",
                "service": "La décision est rendue. Aucune action n’est attendue.",
            },
            State.WAITLISTED.value: {
                "applicant": "Votre projet est sur la liste d’attente. Il pourra être retenu si des crédits se "
                "libèrent\u00a0; vous serez prévenu par courriel.",
                "service": "Le dossier peut être retenu si des crédits se libèrent.",
            },
            State.REDIRECTED.value: {
                "applicant": "Votre projet relève d’un autre guichet, indiqué dans la décision ci-dessous. Votre dossier "
                "n’y est pas transmis\u00a0: déposez-en un nouveau.",
                "service": "Le dossier est réorienté. Aucune action n’est attendue.",
            },
            State.DEFERRED.value: {
                "applicant": "Le jury souhaite revoir votre projet plus abouti. Vous pourrez déposer un nouveau "
                "dossier à une prochaine relève.",
                "service": "Le dossier est ajourné. Aucune action n’est attendue.",
            },
            State.WITHDRAWN.value: {
                "applicant": "Vous avez retiré ce dossier. Vous pouvez en commencer un autre tant qu’une relève "
                "est ouverte.",
                "service": "Le porteur a retiré ce dossier. Aucune action n’est attendue.",
            },
        },
    )
)

# The outcome that the jury's room releases, and the transition that gives it.
DECISIONS = {
    State.AWARDED.value: "award",
    State.REFUSED.value: "refuse",
    State.WAITLISTED.value: "waitlist",
    State.REDIRECTED.value: "redirect",
    State.DEFERRED.value: "defer",
}

"""What the acts of the jury share: chains of the journal, locks, accesses to dossiers."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from accounts.models import User
from applications.enums import AccessEffect, AccessSource
from applications.models import Access, Application
from applications.permissions import is_denied
from core.errors import Refused
from core.journal import record
from core.workflow import Workflow
from jury.conflicts import OWN_AFFILIATION, affiliated_pairs, is_affiliated
from jury.enums import DeliberationState
from jury.models import DecisionList, Deliberation, Evaluation, Juror, Jury

NOT_YOURS = "Vous n’avez pas, ou plus, le droit de faire cet acte."


def authorise(workflow: Workflow, user: User, thing: Any, name: str, at: datetime) -> None:
    """Refused unless the person holds a role of the transition."""
    if not workflow.holds(user, thing, name, at):
        raise Refused(NOT_YOURS)


def refuse_if_tied(user: User, application: Application, at: datetime) -> None:
    """Whoever is recused, or acts for the applicant, gives no opinion on the dossier, in whatever capacity."""
    if is_denied(user, application):
        raise Refused(NOT_YOURS)
    if is_affiliated(user.pk, application, at):
        raise Refused(OWN_AFFILIATION)


def note(jury: Jury, action: str, *, at: datetime, actor: User | None, **fields: Any) -> None:
    """One row in the jury's own chain: what jurors do stays out of the chains that applicants' pages read."""
    record(chain=f"jury:{jury.pk}", action=f"jury.{action}", at=at, actor=actor, **fields)


def note_list(decision_list: DecisionList, action: str, *, at: datetime, actor: User, **fields: Any) -> None:
    """One row in the list's chain: it also tells who touched the list."""
    record(chain=f"decision-list:{decision_list.pk}", action=f"decision_list.{action}", at=at, actor=actor, **fields)


def lock_evaluation(evaluation: Evaluation) -> Evaluation:
    return (
        Evaluation.objects.select_for_update(of=("self",))
        .select_related("juror__jury__session__axis__call", "juror__jury__grid", "juror__user", "application")
        .get(pk=evaluation.pk)
    )


def lock_deliberation(deliberation: Deliberation) -> Deliberation:
    return (
        Deliberation.objects.select_for_update(of=("self",))
        .select_related("jury__session__axis__call", "jury__grid")
        .get(pk=deliberation.pk)
    )


def lock_open_deliberations(jury: Jury) -> None:
    """Waits for whoever writes in a meeting of this jury. Every writer locks the deliberation first, then jurors by id:
    what changes who may vote on an item is wholly before, or wholly after, an opinion, the attendance or the closing."""
    rows = Deliberation.objects.select_for_update(of=("self",)).filter(jury=jury, state=DeliberationState.OPEN)
    list(rows.order_by("pk").values_list("pk", flat=True))


def lock_list(decision_list: DecisionList) -> DecisionList:
    return (
        DecisionList.objects.select_for_update(of=("self",))
        .select_related("deliberation__jury__session__axis__call")
        .get(pk=decision_list.pk)
    )


def grant(users_and_dossiers: Iterable[tuple[int, Any]], source: AccessSource, at: datetime) -> None:
    """Opens dossiers to people; what is already open stays as it is."""
    Access.objects.bulk_create(
        [
            Access(user_id=user, application_id=dossier, effect=AccessEffect.GRANT, source=source, created_at=at)
            for user, dossier in users_and_dossiers
        ],
        ignore_conflicts=True,
    )


def revoke(user_id: int, application: Application, source: AccessSource) -> None:
    """Takes back what an assignment had opened."""
    Access.objects.filter(user_id=user_id, application=application, effect=AccessEffect.GRANT, source=source).delete()


def grant_chair(jury: Jury, dossiers: Iterable[Any], at: datetime) -> None:
    """The chair sees every dossier of the jury, save those they left or whose applicant they act for at ``at``."""
    chair = Juror.objects.filter(jury=jury, is_chair=True).values_list("user_id", flat=True).first()
    if chair is None:
        return
    keys = list(dossiers)
    refused = Access.objects.filter(user_id=chair, application__in=keys, effect=AccessEffect.DENY)
    apart = {str(key) for key in refused.values_list("application_id", flat=True)}
    apart |= {key for _, key in affiliated_pairs([chair], keys, at)}
    grant([(chair, key) for key in keys if str(key) not in apart], AccessSource.CHAIR, at)


def open_to_chair(application: Application, at: datetime) -> None:
    """A dossier that has just become admissible opens to the chair of the jury already seated on its session."""
    jury = Jury.objects.filter(session_id=application.session_id).first()
    if jury is not None:
        grant_chair(jury, [application.pk], at)

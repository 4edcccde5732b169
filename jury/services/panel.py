"""The panel: who sits, and who leaves a dossier."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from accounts.models import User
from applications.enums import AccessEffect, AccessSource
from applications.models import Access, Application
from calls.enums import MandateRole
from calls.models import ScoringGrid, Session
from calls.permissions import territory_scope
from calls.services import grant_mandate
from core.errors import Refused
from jury.enums import DeliberationState, EvaluationState
from jury.models import Evaluation, Juror, Jury, Opinion, Recusal
from jury.queries import jury_dossiers
from jury.services.base import NOT_YOURS, grant_chair, lock_open_deliberations, note
from jury.workflow import EVALUATION, is_chair, is_officer


@dataclass(frozen=True)
class Member:
    """A person to seat. ``load_max`` None: none for the chair, who presides, forty dossiers for the others."""

    user: User
    is_chair: bool = False
    organisation_name: str = ""
    expertise: Sequence[str] = field(default_factory=tuple)
    region_code: str = ""
    load_min: int = 0
    load_max: int | None = None


@transaction.atomic
def constitute_jury(
    *,
    session: Session,
    grid: ScoringGrid,
    name: str,
    members: Sequence[Member],
    at: datetime,
    actor: User,
    selection_rule: str = "skip",
) -> Jury:
    """Seats a jury for a session and gives each member the mandate that goes with the seat.

    ``actor`` manages the axis (officer or administrator). Exactly one member presides. Raises Refused.
    """
    axis = session.axis
    scope = territory_scope(actor, [MandateRole.OFFICER, MandateRole.ADMINISTRATOR], at)
    if not any(reach.departements is None and reach.covers(axis, None, "") for reach in scope.reaches):
        raise Refused(NOT_YOURS)
    if grid.axis_id != axis.pk:
        raise Refused("Cette grille n’est pas celle de l’axe.", field="grid")
    if sum(member.is_chair for member in members) != 1:
        raise Refused("Un jury a une présidence, et une seule.", field="members")
    if len({member.user.pk for member in members}) != len(members):
        raise Refused("Une personne ne siège qu’une fois.", field="members")
    # Two people who seat the same jury wait for one another: the second is told, rather than stopped by the database.
    Session.objects.select_for_update(of=("self",)).get(pk=session.pk)
    if Jury.objects.filter(session=session).exists():
        raise Refused("Cette relève a déjà son jury.", field="session")
    jury = Jury.objects.create(session=session, grid=grid, name=name, selection_rule=selection_rule, created_at=at)
    for member in members:
        _seat(jury, member, at, actor)
    grant_chair(jury, jury_dossiers(jury).values_list("pk", flat=True), at)
    note(
        jury,
        "constituted",
        at=at,
        actor=actor,
        data={"session": session.pk, "grid": grid.pk, "members": sorted(member.user.pk for member in members)},
    )
    return jury


def _seat(jury: Jury, member: Member, at: datetime, actor: User) -> Juror:
    axis = jury.session.axis
    grant_mandate(
        user=member.user,
        call=axis.call,
        axis=axis,
        role=MandateRole.CHAIR if member.is_chair else MandateRole.JUROR,
        at=at,
        appointed_by=actor,
        organisation_name=member.organisation_name,
    )
    load_max = member.load_max if member.load_max is not None else (0 if member.is_chair else 40)
    return Juror.objects.create(
        jury=jury,
        user=member.user,
        is_chair=member.is_chair,
        organisation_name=member.organisation_name,
        expertise=sorted(member.expertise),
        region_code=member.region_code,
        load_min=member.load_min,
        load_max=load_max,
        appointed_at=at,
    )


@transaction.atomic
def recuse(*, juror: Juror, application: Application, reason: str, at: datetime, actor: User) -> Recusal:
    """The juror leaves the dossier at once and for good (loi 2013-907, art. 2): access refused everywhere,
    evaluation withdrawn, and the missing reader shown to the chair.

    By the juror, or by the chair or the secretariat who find a conflict (then with a reason). Declaring twice
    changes nothing. Raises Refused.
    """
    jury = Jury.objects.select_related("session__axis__call").get(pk=juror.jury_id)
    if actor.pk != juror.user_id and not (is_chair(actor, jury, at) or is_officer(actor, jury, at)):
        raise Refused(NOT_YOURS)
    if application.session_id != jury.session_id:
        raise Refused("Ce dossier n’est pas soumis à ce jury.")
    if actor.pk != juror.user_id and not reason.strip():
        raise Refused("Indiquez le motif du déport que vous constatez.", field="reason")
    lock_open_deliberations(jury)
    # The juror's row serialises two declarations, and a declaration with an assignment.
    Juror.objects.select_for_update(of=("self",)).get(pk=juror.pk)
    known = Recusal.objects.filter(juror=juror, application=application).first()
    if known is not None:
        return known
    recusal = Recusal.objects.create(
        juror=juror, application=application, reason=reason.strip(), declared_at=at, declared_by=actor
    )
    Access.objects.get_or_create(
        user_id=juror.user_id,
        application=application,
        effect=AccessEffect.DENY,
        source=AccessSource.RECUSAL,
        defaults={"created_at": at},
    )
    state = _withdraw(juror, application, at)
    forgotten = _forget_votes(jury, application)
    note(
        jury,
        "recused",
        at=at,
        actor=actor,
        from_state=state,
        reason=recusal.reason,
        data={"juror": juror.pk, "application": str(application.pk), "forgotten": forgotten},
    )
    return recusal


def _withdraw(juror: Juror, application: Application, at: datetime) -> str:
    """The evaluation, if any, no longer counts. After a closed deliberation it stays as evidence of what was said."""
    evaluation = Evaluation.objects.select_for_update(of=("self",)).filter(juror=juror, application=application).first()
    if evaluation is None:
        return ""
    before = str(evaluation.state)
    if before != EvaluationState.WITHDRAWN and not EVALUATION.obstacle(evaluation, "withdraw", at):
        evaluation.withdraw()
        evaluation.version += 1
        evaluation.save(update_fields=["state", "version"])
    return before


def _forget_votes(jury: Jury, application: Application) -> list[str]:
    """An opinion noted in a meeting still open was given with someone who should not have been there. Returns the
    outcomes so erased, for the journal.

    Its deliberation is locked: no other opinion comes after this one is gone, and none of a closed one is touched.
    """
    rows = Opinion.objects.filter(
        deliberation__jury=jury, deliberation__state=DeliberationState.OPEN, application=application
    )
    outcomes = list(rows.order_by("pk").values_list("outcome", flat=True))
    rows.delete()
    return outcomes

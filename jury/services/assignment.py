"""From a computed proposal to seats: propose, change, confirm, and fill the place a recusal leaves."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import User
from applications.enums import AccessSource
from applications.models import Application
from calls.models import Theme
from core.errors import Refused
from jury import assignment
from jury.assignment import DossierSpec, JurorSpec, Problem
from jury.conflicts import AFFILIATED, affiliated_pairs, serving
from jury.enums import EvaluationState
from jury.models import AssignmentRun, Evaluation, Juror, Jury, Recusal
from jury.permissions import readable_evaluations
from jury.queries import ACTIVE, gaps_of, jury_dossiers, unheard_dossiers
from jury.services.base import NOT_YOURS, grant, grant_chair, note, revoke
from jury.workflow import EVALUATION, is_chair, is_officer

STALE = "Cette proposition a changé depuis que vous l’avez lue. Rechargez la page et relisez-la."
READERS_CHANGED = (
    "Les lecteurs de ce dossier ont changé depuis que vous avez ouvert cette page\u00a0: rien n’est enregistré. Relisez-les, "
    "puis voyez s’il en faut encore un."
)
WORKING = (EvaluationState.DRAFT, EvaluationState.SUBMITTED)


def build_problem(jury: Jury, *, least_change: bool, at: datetime, actor: User) -> Problem:
    """The jury's dossiers, members, conflicts and present seats. ``least_change`` prices each seat that would move.

    A conflict is a recusal, or an affiliation to the applicant in force at ``at``. A third seat is asked where marks
    differ that ``actor`` may read, never where others do; a reader already seated beyond the grid keeps a seat.
    """
    dossiers = list(unheard_dossiers(jury).values_list("pk", "theme__code", "region_code"))
    gaps = gaps_of(jury, [row[0] for row in dossiers], readable_evaluations(actor, jury))
    seats = list(
        Evaluation.objects.filter(juror__jury=jury, state__in=ACTIVE)
        .order_by("id")
        .values_list("application_id", "juror_id", "state", "no_conflict_declared_at")
    )
    conflicts = _conflicts(jury, [row[0] for row in dossiers], at)
    free = [row for row in seats if (str(row[0]), row[1]) not in conflicts]
    begun = {(str(dossier), juror) for dossier, juror, state, said in free if state in WORKING or said}
    present = {(str(dossier), juror) for dossier, juror, _, _ in free}
    seated = Counter(dossier for dossier, _ in present)
    return Problem(
        dossiers=tuple(
            DossierSpec(id=str(key), theme=theme or "", region=region, seats=max(gaps[key].wanted, seated[str(key)]))
            for key, theme, region in dossiers
        ),
        jurors=tuple(
            JurorSpec(
                id=juror.pk,
                organisation=juror.organisation_name,
                themes=frozenset(juror.expertise),
                region=juror.region_code,
                load_min=juror.load_min,
                load_max=juror.load_max,
            )
            for juror in jury.jurors.order_by("pk")
        ),
        recusals=frozenset((juror, dossier) for dossier, juror in conflicts),
        kept=frozenset(begun),
        present=frozenset(present - begun) if least_change else frozenset(),
    )


def _conflicts(jury: Jury, applications: Collection[Any], at: datetime) -> set[tuple[str, int]]:
    """Pairs (dossier id, juror id) that may not meet: recused, affiliated to an applicant at ``at``, or read by somebody
    who sits no more, and had not handed in."""
    recused = Recusal.objects.filter(juror__jury=jury).values_list("application_id", "juror_id")
    jurors = dict(jury.jurors.values_list("user_id", "pk"))
    affiliated = affiliated_pairs(list(jurors), applications, at)
    gone = set(jury.jurors.exclude(pk__in=serving(at)).values_list("pk", flat=True))
    given = Evaluation.objects.filter(juror__in=gone, state=EvaluationState.SUBMITTED)
    unread = {(str(dossier), juror) for dossier in applications for juror in gone}
    return (
        {(str(dossier), juror) for dossier, juror in recused}
        | {(str(dossier), jurors[user]) for user, dossier in affiliated}
        | unread - {(str(dossier), juror) for dossier, juror in given.values_list("application_id", "juror_id")}
    )


@transaction.atomic
def propose_assignment(*, jury: Jury, at: datetime, actor: User, least_change: bool = False) -> AssignmentRun:
    """Computes a proposal and keeps it with all that is needed to run it again. Nobody is seated yet.

    Seats where work has begun are kept; a dossier of which the jury has spoken takes no reader any more. Raises Refused
    when there is nothing to share out.
    """
    _authorise(jury, actor, at)
    grant_chair(jury, jury_dossiers(jury).values_list("pk", flat=True), at)
    if not unheard_dossiers(jury).exists():
        raise Refused("Aucun dossier recevable n’attend ce jury.")
    problem = build_problem(jury, least_change=least_change, at=at, actor=actor)
    replay = assignment.replay_of(problem, assignment.solve(problem))
    replay["warnings"] = _with_labels(jury, replay["warnings"])
    run = AssignmentRun.objects.create(
        jury=jury, computed_at=at, computed_by=actor, replay=replay, sha256=assignment.digest(replay)
    )
    note(jury, "assignment_proposed", at=at, actor=actor, data={"run": run.pk, "sha256": run.sha256})
    return run


@transaction.atomic
def change_seat(
    *,
    run: AssignmentRun,
    application: Application,
    old: Juror | None,
    new: Juror | None,
    reason: str,
    sha256: str,
    at: datetime,
    actor: User,
) -> AssignmentRun:
    """Replaces, adds (``old`` None) or removes (``new`` None) a seat of a proposal, with a reason. Raises Refused."""
    locked = _lock_run(run, sha256, at, actor)
    if not reason.strip():
        raise Refused("Indiquez pourquoi vous changez la proposition.", field="reason")
    key, replay = str(application.pk), locked.replay
    panel = {seat["juror"] for seat in replay["seats"] if seat["dossier"] == key}
    if key not in {row["id"] for row in replay["inputs"]["dossiers"]}:
        raise Refused("Ce dossier n’est pas dans la proposition.")
    if old is not None and old.pk not in panel:
        raise Refused("Ce juré n’est pas affecté à ce dossier.", field="old")
    if [key, old.pk if old else None] in replay["inputs"]["kept"]:
        raise Refused("Ce juré a déjà commencé sa lecture : retirez son évaluation d’abord.", field="old")
    if new is not None:
        _refuse_seat(locked.jury, key, new, panel - ({old.pk} if old else set()), replay["seats"], at)
    seats = [seat for seat in replay["seats"] if not (old and seat["dossier"] == key and seat["juror"] == old.pk)]
    if new is not None:
        seats.append({"dossier": key, "juror": new.pk, "stage": "changed"})
    replay["seats"] = sorted(seats, key=lambda seat: (seat["dossier"], seat["juror"]))
    replay["changes"].append(
        {
            "dossier": key,
            "old": old.pk if old else None,
            "new": new.pk if new else None,
            "reason": reason.strip(),
            "by": actor.pk,
            "at": at.isoformat(),
        }
    )
    locked.sha256 = assignment.digest(replay)
    locked.save(update_fields=["replay", "sha256"])
    return locked


@dataclass(frozen=True)
class _Ties:
    """What keeps members from a dossier: who sits no more, their recusals (jurors), what they act for (users), who reads
    it already."""

    gone: frozenset[int]
    recused: frozenset[int]
    affiliated: frozenset[int]
    panel: frozenset[int]
    houses: frozenset[str]


def _ties_to(key: str, jurors: Collection[Juror], panel: set[int], at: datetime) -> _Ties:
    """As many queries for one member as for all of them."""
    recusals = Recusal.objects.filter(juror__in=[juror.pk for juror in jurors], application_id=key)
    readers = Juror.objects.filter(pk__in=panel).values_list("organisation_name", flat=True)
    served = serving(at).filter(pk__in=[juror.pk for juror in jurors]).values_list("pk", flat=True)
    return _Ties(
        gone=frozenset(juror.pk for juror in jurors) - frozenset(served),
        recused=frozenset(recusals.values_list("juror_id", flat=True)),
        affiliated=frozenset(user for user, _ in affiliated_pairs([juror.user_id for juror in jurors], [key], at)),
        panel=frozenset(panel),
        houses=frozenset(house for name in readers if (house := _house(name))),
    )


def _house(name: str) -> str:
    return name.strip().casefold()


def _seat_obstacle(juror: Juror, ties: _Ties, load: int) -> str:
    """Why this member, who reads ``load`` dossiers, cannot read this one too; empty when nothing is against it."""
    if juror.pk in ties.gone:
        return "Ce membre ne siège plus\u00a0: son compte est fermé, ou son mandat a pris fin."
    if juror.pk in ties.recused:
        return "Ce juré s’est déporté de ce dossier."
    if juror.user_id in ties.affiliated:
        return AFFILIATED
    if juror.pk in ties.panel:
        return "Ce juré est déjà affecté à ce dossier."
    if _house(juror.organisation_name) in ties.houses:
        return "Un juré du même organisme lit déjà ce dossier."
    if load >= juror.load_max:
        return f"Ce juré a déjà {load} dossiers, sa charge maximale."
    return ""


def _refuse_seat(
    jury: Jury, key: str, juror: Juror, panel: set[int], seats: list[dict[str, Any]], at: datetime
) -> None:
    if juror.jury_id != jury.pk:
        raise Refused("Cette personne ne siège pas dans ce jury.", field="new")
    load = Counter(seat["juror"] for seat in seats)[juror.pk]
    if obstacle := _seat_obstacle(juror, _ties_to(key, [juror], panel, at), load):
        raise Refused(obstacle, field="new")


@transaction.atomic
def confirm_assignment(*, run: AssignmentRun, sha256: str, at: datetime, actor: User) -> list[Evaluation]:
    """Seats the jurors as read in the proposal and opens them their dossiers. Returns the new evaluations.

    ``sha256`` is that of the proposal read. Refused when it changed since, or a juror recused in between.
    """
    locked = _lock_run(run, sha256, at, actor)
    jury = locked.jury
    wanted = {(seat["dossier"], seat["juror"]) for seat in locked.replay["seats"]}
    jurors = {row.pk: row for row in jury.jurors.select_for_update(of=("self",)).order_by("pk")}
    open_to_readers = {str(pk) for pk in unheard_dossiers(jury).values_list("pk", flat=True)}
    wanted = {(dossier, juror) for dossier, juror in wanted if dossier in open_to_readers}
    if wanted & _conflicts(jury, {dossier for dossier, _ in wanted}, at):
        raise Refused(
            "Depuis cette proposition, un juré s’est déporté, a été rattaché à un porteur ou ne siège plus : demandez-en "
            "une nouvelle."
        )
    existing = {
        (str(row.application_id), row.juror_id): row
        for row in Evaluation.objects.select_for_update(of=("self",)).filter(juror__jury=jury)
    }
    for pair, row in sorted(existing.items()):
        if pair[0] in open_to_readers and pair not in wanted and row.state == EvaluationState.ASSIGNED:
            _unseat(row, jurors[pair[1]])
    fresh: list[Evaluation] = []
    for dossier, juror in sorted(wanted):
        known = existing.get((dossier, juror))
        if known is None:
            fresh.append(Evaluation(juror_id=juror, application_id=dossier, assigned_at=at))
        elif known.state == EvaluationState.WITHDRAWN:
            EVALUATION.check(known, "reassign", at)
            _reseat(known, at)
    Evaluation.objects.bulk_create(fresh)
    grant([(jurors[juror].user_id, dossier) for dossier, juror in wanted], AccessSource.ASSIGNMENT, at)
    grant_chair(jury, jury_dossiers(jury).values_list("pk", flat=True), at)
    locked.confirmed_at = at
    locked.save(update_fields=["confirmed_at"])
    note(
        jury,
        "assignment_confirmed",
        at=at,
        actor=actor,
        data={"run": locked.pk, "sha256": locked.sha256, "seats": len(wanted)},
    )
    return fresh


@transaction.atomic
def seat_juror(
    *,
    jury: Jury,
    application: Application,
    juror: Juror,
    at: datetime,
    actor: User,
    readers_shown: Collection[int] | None = None,
) -> Evaluation:
    """Adds one reader to a dossier: after a recusal, or a third one where two differ. Raises Refused.

    ``readers_shown``: the jurors (ids) who read it when the person chose; refused if there are others now.
    """
    _authorise(jury, actor, at)
    Jury.objects.select_for_update(of=("self",), no_key=True).get(pk=jury.pk)
    if not unheard_dossiers(jury).filter(pk=application.pk).exists():
        raise Refused("Ce dossier n’attend pas ce jury, ou n’attend plus de lecteur.")
    Juror.objects.select_for_update(of=("self",)).get(pk=juror.pk)
    seats, panel = _seats_now(jury, application)
    if readers_shown is not None and set(readers_shown) != panel:
        raise Refused(READERS_CHANGED, field="readers")
    _refuse_seat(jury, str(application.pk), juror, panel, seats, at)
    evaluation = Evaluation.objects.filter(juror=juror, application=application).first()
    if evaluation is None:
        evaluation = Evaluation.objects.create(juror=juror, application=application, assigned_at=at)
    else:
        EVALUATION.check(evaluation, "reassign", at)
        _reseat(evaluation, at)
    grant([(juror.user_id, application.pk)], AccessSource.ASSIGNMENT, at)
    data = {"juror": juror.pk, "application": str(application.pk)}
    note(jury, "juror_seated", at=at, actor=actor, data=data)
    return evaluation


def _seats_now(jury: Jury, application: Application) -> tuple[list[dict[str, Any]], set[int]]:
    """Every seat of the jury, and the jurors who read this dossier."""
    rows = Evaluation.objects.filter(juror__jury=jury, state__in=ACTIVE)
    seats = [{"juror": pk} for pk in rows.values_list("juror_id", flat=True)]
    return seats, set(rows.filter(application=application).values_list("juror_id", flat=True))


def possible_readers(*, jury: Jury, application: Application, at: datetime) -> list[tuple[Juror, int]]:
    """The members who could read this dossier too, by name, each with the number of dossiers they read already."""
    seats, panel = _seats_now(jury, application)
    loads = Counter(seat["juror"] for seat in seats)
    jurors = list(jury.jurors.select_related("user").order_by("user__last_name", "user__first_name", "pk"))
    ties = _ties_to(str(application.pk), jurors, panel, at)
    return [(juror, loads[juror.pk]) for juror in jurors if not _seat_obstacle(juror, ties, loads[juror.pk])]


def verify_run(run: AssignmentRun) -> bool:
    """Runs the computation again from the kept inputs: True when it gives the same seats, but for noted changes."""
    if assignment.digest(run.replay) != run.sha256:
        return False
    seats = {(seat.dossier, seat.juror) for seat in assignment.solve(assignment.problem_of(run.replay)).seats}
    for change in run.replay["changes"]:
        seats.discard((change["dossier"], change["old"]))
        if change["new"] is not None:
            seats.add((change["dossier"], change["new"]))
    return seats == {(seat["dossier"], seat["juror"]) for seat in run.replay["seats"]}


def _authorise(jury: Jury, actor: User, at: datetime) -> None:
    if not (is_chair(actor, jury, at) or is_officer(actor, jury, at)):
        raise Refused(NOT_YOURS)


def _lock_run(run: AssignmentRun, sha256: str, at: datetime, actor: User) -> AssignmentRun:
    locked = AssignmentRun.objects.select_for_update(of=("self",)).select_related("jury__session__axis").get(pk=run.pk)
    _authorise(locked.jury, actor, at)
    if locked.confirmed_at is not None:
        raise Refused("Cette proposition est déjà confirmée.")
    if locked.sha256 != sha256:
        raise Refused(STALE)
    return locked


def _unseat(evaluation: Evaluation, juror: Juror) -> None:
    evaluation.withdraw()
    evaluation.version += 1
    evaluation.save(update_fields=["state", "version"])
    revoke(juror.user_id, evaluation.application, AccessSource.ASSIGNMENT)


def _reseat(evaluation: Evaluation, at: datetime) -> None:
    """Seated again: the conflict is asked again, and whatever was marked before starts anew."""
    evaluation.reassign()
    evaluation.assigned_at = at
    evaluation.no_conflict_declared_at = None
    evaluation.total = None
    evaluation.submitted_at = None
    evaluation.version += 1
    evaluation.save()


def _with_labels(jury: Jury, warnings: Iterable[str]) -> list[str]:
    """Theme codes become their labels, for people."""
    labels = dict(Theme.objects.filter(axis=jury.session.axis_id).values_list("code", "label"))
    said = []
    for warning in warnings:
        for code, label in labels.items():
            warning = warning.replace(f"« {code} »", f"« {label} »")
        said.append(warning)
    return said

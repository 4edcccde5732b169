"""Screening, jury and release, through the services that the pages call."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

from accounts.confirmations import confirm_act
from accounts.demonstration import current_code, next_free_moment
from accounts.models import User
from applications.models import Application
from applications.rules import candidate_for
from applications.services.screening import (
    answer_completion,
    declare_admissible,
    declare_inadmissible,
    request_completion,
)
from applications.services.submission import withdraw
from budget.envelopes import envelope_for
from calls.eligibility import evaluate_axes
from calls.models import Axis, Session
from core.errors import Refused
from demonstration.play import subjects
from demonstration.play.cast import Cast
from demonstration.play.draw import Candidate
from jury.enums import Attendance, Outcome
from jury.models import Decision, DecisionList, Deliberation, Evaluation, Juror, Jury
from jury.queries import full_merit, jury_dossiers
from jury.services.assignment import confirm_assignment, propose_assignment
from jury.services.decisions import edit_decision, mark_prepared, prepare_list, send_back_list
from jury.services.deliberation import (
    AttendanceInput,
    OpinionInput,
    close_deliberation,
    confirm_block,
    record_attendance,
    record_opinion,
    summon,
)
from jury.services.evaluation import MarkInput, declare_no_conflict, submit_evaluation
from jury.services.panel import Member, constitute_jury, recuse
from jury.services.release import ACT, list_digest, release_list

# What the play refuses to change between two runs: the marks of the k-th reader of a dossier depend on nothing else.
MARKS = (1, 2, 2, 3, 3, 3, 4, 4, 5)
HIGH_MARKS = (4, 5, 5)


# Dossiers of which the jury speaks first. The acclaimed are awarded beyond what their envelope holds: an opinion, which
# the ministry cannot release as it stands.
SPECIAL = {"deferred", "redirected", "acclaimed"}


def screen(candidate: Candidate, application: Application, cast: Cast) -> None:
    """What the service does with a filed dossier, by its fate in the play."""
    filed_at = application.submitted_at
    assert filed_at is not None
    secretary = application.created_by
    at = filed_at + timedelta(days=6)
    if candidate.fate == "withdrawn":
        withdraw(application=application, user=secretary, at=at, reason="Projet reporté par le conseil municipal.")
        return
    if candidate.fate == "inadmissible":
        declare_inadmissible(application=application, user=cast.screener, at=at, reason=subjects.INADMISSIBLE)
        return
    if candidate.fate == "completion":
        request_completion(
            application=application,
            user=cast.screener,
            at=at,
            items=[subjects.COMPLETION],
            due_at=at + timedelta(days=15),
        )
        at += timedelta(days=4)
        answer_completion(
            application=application, user=secretary, at=at, message="La délibération signée est jointe au dossier."
        )
        at += timedelta(days=1)
    declare_admissible(application=application, user=cast.screener, at=at)


def seat_jury(*, session: Session, cast: Cast, at: datetime, experts: int | None = None) -> Jury:
    """A jury of the session: the chair of its axis and the experts (the first ``experts`` of the cast, or all)."""
    seated = cast.jurors[:experts]
    axis = session.axis
    themes = list(axis.themes.values_list("code", flat=True))
    regions = ("11", "84", "53", "75", "76", "93")
    members = [Member(user=cast.chairs[axis.code], is_chair=True, organisation_name="Services de l’État")]
    dossiers = session.applications.filter(state="admissible").count()
    load = max(12, 4 * dossiers // len(seated) + 4)
    for rank, user in enumerate(seated):
        members.append(
            Member(
                user=user,
                organisation_name=f"Organisme fictif {rank + 1}",
                expertise=[themes[rank % len(themes)], themes[(rank + 1) % len(themes)]],
                region_code=regions[rank % len(regions)],
                load_max=load,
            )
        )
    return constitute_jury(
        session=session,
        grid=axis.grids.latest("version"),
        name=f"Jury – {axis.title}, {session.title}",
        members=members,
        at=at,
        actor=cast.officer,
    )


def assign(*, jury: Jury, cast: Cast, at: datetime) -> None:
    """The proposal of assignment, confirmed as it is by the chair."""
    chair = cast.chairs[jury.session.axis.code]
    run = propose_assignment(jury=jury, at=at, actor=chair)
    confirm_assignment(run=run, sha256=run.sha256, at=at + timedelta(hours=1), actor=chair)


def evaluate(*, jury: Jury, fates: dict[UUID, str], seed: int, at: datetime) -> None:
    """One juror recuses from the first dossier; every other reader declares no conflict and marks."""
    dossiers = {row.pk: row for row in jury_dossiers(jury)}
    first = min(dossiers.values(), key=lambda row: row.number or "")
    readers = _readers(jury)
    recused = readers[first.pk][-1]
    recuse(
        juror=recused.juror,
        application=first,
        reason="Ancien agent de la collectivité.",
        at=at,
        actor=recused.juror.user,
    )
    for pk, rows in readers.items():
        for rank, evaluation in enumerate(rows):
            if evaluation.pk != recused.pk:
                marks = HIGH_MARKS if fates.get(pk) == "acclaimed" else MARKS
                number = dossiers[pk].number or ""
                _mark(evaluation, marks, seed=seed, number=number, rank=rank, at=at + timedelta(days=3))


def evaluate_but(*, jury: Jury, absent: User, seed: int, at: datetime) -> None:
    """Every reader marks but one, whose evaluations wait for whoever signs in as them."""
    numbers = {row.pk: row.number or "" for row in jury_dossiers(jury)}
    for pk, rows in _readers(jury).items():
        for rank, evaluation in enumerate(rows):
            if evaluation.juror.user_id != absent.pk:
                _mark(evaluation, MARKS, seed=seed, number=numbers[pk], rank=rank, at=at)


def _readers(jury: Jury) -> dict[UUID, list[Evaluation]]:
    readers: dict[UUID, list[Evaluation]] = {}
    rows = Evaluation.objects.filter(juror__jury=jury).select_related("juror__user", "application")
    for evaluation in rows.order_by("application__number", "juror__user__email"):
        readers.setdefault(evaluation.application_id, []).append(evaluation)
    return readers


def _mark(evaluation: Evaluation, possible: Sequence[int], *, seed: int, number: str, rank: int, at: datetime) -> None:
    actor = evaluation.juror.user
    declared = declare_no_conflict(evaluation=evaluation, at=at, actor=actor)
    # The rank within the call, not the whole number, so that a second play of the call marks alike.
    random = Random(f"{seed}:{number.rsplit('-', 1)[-1]}")  # noqa: S311 - a play that can be repeated
    marks = {}
    for criterion in evaluation.juror.jury.grid.criteria.order_by("position"):
        base = random.choice(possible)
        shift = random.choice((-1, 0, 0, 0, 1)) if rank else 0
        marks[criterion.code] = MarkInput(mark=min(5, max(0, base + shift)), comment="")
    submit_evaluation(
        evaluation=declared,
        marks=marks,
        comment="Projet lu en entier ; l’avis tient aux critères notés.",
        version=declared.version,
        at=at + timedelta(minutes=10),
        actor=actor,
        key=f"play:{evaluation.pk}",
    )


def deliberate(*, jury: Jury, fates: dict[UUID, str], cast: Cast, at: datetime) -> Deliberation:
    """The meeting: summons, attendance, special cases, block, agenda, minutes."""
    chair = cast.chairs[jury.session.axis.code]
    held_at = at + timedelta(days=8)
    deliberation = summon(jury=jury, held_at=held_at, place="Paris et à distance", at=at, actor=chair)
    members = list(jury.jurors.select_related("user").order_by("pk"))
    record_attendance(deliberation=deliberation, rows=_attendance(members), at=held_at, actor=chair)
    dossiers = {row.pk: row for row in jury_dossiers(jury)}
    special = {pk: fate for pk, fate in fates.items() if pk in dossiers and fate in SPECIAL}
    special |= {pk: "refused" for pk in _weakest(jury, dossiers.values()) if pk not in special}
    for pk, fate in special.items():
        record_opinion(
            deliberation=deliberation,
            application=dossiers[pk],
            opinion=_special(fate, dossiers[pk]),
            at=held_at,
            actor=chair,
        )
    confirm_block(
        deliberation=deliberation,
        below=Outcome.REFUSED,
        motive=subjects.REFUSAL,
        at=held_at + timedelta(hours=1),
        actor=chair,
    )
    _discuss(deliberation, dossiers.values(), chair, held_at + timedelta(hours=2))
    return close_deliberation(deliberation=deliberation, at=held_at + timedelta(hours=4), actor=chair)


def _attendance(members: list[Juror]) -> list[AttendanceInput]:
    """Everyone present or remote but two: one represented, one absent."""
    rows = []
    for rank, juror in enumerate(members):
        if rank == len(members) - 1:
            rows.append(AttendanceInput(juror, Attendance.ABSENT))
        elif rank == len(members) - 2:
            rows.append(AttendanceInput(juror, Attendance.PROXY, proxy=members[1]))
        else:
            rows.append(AttendanceInput(juror, Attendance.REMOTE if rank % 3 == 2 else Attendance.PRESENT))
    return rows


def _weakest(jury: Jury, dossiers: Iterable[Application]) -> list[UUID]:
    """The last third by merit, whatever money is left: what does not convince is not funded."""
    ranks = {row.key: row.rank for row in full_merit(jury).ranked}
    last = len(ranks) * 2 / 3
    return [row.pk for row in dossiers if ranks.get(str(row.pk), 0) > last]


def _special(fate: str, application: Application) -> OpinionInput:
    if fate == "refused":
        return OpinionInput(outcome=Outcome.REFUSED, motive=subjects.REFUSAL)
    if fate == "acclaimed":
        return OpinionInput(outcome=Outcome.AWARDED, amount=application.amount_requested, motive=subjects.ACCLAMATION)
    if fate == "deferred":
        return OpinionInput(outcome=Outcome.DEFERRED, motive=subjects.DEFERRAL)
    axis = axis_to_ask_instead(application)
    return OpinionInput(outcome=Outcome.REDIRECTED, motive=subjects.REDIRECTIONS[axis.code], redirected_to=axis)


def axis_to_ask_instead(application: Application) -> Axis:
    """Another axis to which the dossier's authority is eligible on the day it filed; never a flat-rate pack."""
    filed_at = application.submitted_at
    assert filed_at is not None
    asking = candidate_for(
        call=application.call,
        organisation=application.organisation,
        grouping=application.grouping,
        excluding=application,
    )
    others = Axis.objects.filter(call=application.call, funded_from=None).exclude(pk=application.axis_id)
    # The nearest counter first: axis 3, then axis 2, then axis 1, which is open to all.
    verdicts = evaluate_axes(
        call=application.call, axes=list(others.order_by("-position")), on=filed_at, candidate=asking
    )
    code = next(verdict.axis for verdict in verdicts if verdict.is_eligible)
    return others.get(code=code)


def _discuss(deliberation: Deliberation, dossiers: Iterable[Application], chair: User, at: datetime) -> None:
    """The agenda: what the block left, in order of merit. What its envelope can hold is proposed; the waiting list is
    for the others alone, since it promises money that comes free."""
    spoken = set(deliberation.opinions.values_list("application_id", flat=True))
    merit = full_merit(deliberation.jury)
    chosen = set(merit.selection.chosen)
    left = [row for row in dossiers if row.pk not in spoken]
    order = {row.key: row.rank for row in merit.ranked}
    left.sort(key=lambda row: (order.get(str(row.pk), 10**6), row.number or ""))
    for application in left:
        if str(application.pk) in chosen:
            opinion = OpinionInput(
                outcome=Outcome.AWARDED, amount=application.amount_requested, motive=subjects.DISCUSSION
            )
        else:
            opinion = OpinionInput(outcome=Outcome.WAITLISTED, motive=subjects.WAITING)
        record_opinion(deliberation=deliberation, application=application, opinion=opinion, at=at, actor=chair)


def release(*, deliberation: Deliberation, cast: Cast, at: datetime) -> tuple[DecisionList, int]:
    """The list, prepared by one and released by another; a release that the envelope refuses is mended and tried again.

    Returns the released list and how many times the money was refused.
    """
    decision_list = prepare_list(
        deliberation=deliberation, title=f"Décisions – {deliberation.jury.name}"[:200], at=at, actor=cast.officer
    )
    refused = 0
    moment = at + timedelta(hours=1)
    while True:
        decision_list = mark_prepared(
            decision_list=decision_list, version=decision_list.version, at=moment, actor=cast.officer
        )
        try:
            return _release(decision_list, cast, moment + timedelta(hours=1)), refused
        except Refused as refusal:
            refused += 1
            moment += timedelta(hours=3)
            decision_list = send_back_list(
                decision_list=decision_list,
                reason=refusal.message,
                version=decision_list.version,
                at=moment,
                actor=cast.releaser,
            )
            decision_list = _mend(decision_list, refusal, cast, moment + timedelta(minutes=30))
            moment += timedelta(hours=1)


def _release(decision_list: DecisionList, cast: Cast, at: datetime) -> DecisionList:
    releaser = cast.releaser
    at = next_free_moment(releaser, at=at)
    digest = list_digest(decision_list)
    confirmation = confirm_act(user=releaser, act=ACT, content_sha256=digest, code=current_code(releaser, at=at), at=at)
    return release_list(
        decision_list=decision_list,
        user=releaser,
        at=at + timedelta(seconds=20),
        key=f"play:{decision_list.pk}:{decision_list.version}",
        confirmation=confirmation,
    )


def _mend(decision_list: DecisionList, refusal: Refused, cast: Cast, at: datetime) -> DecisionList:
    """In each envelope that is short, the last awards by merit go to the waiting list until the rest fits."""
    shortfalls = refusal.data.get("shortfalls")
    if not shortfalls:
        raise refusal
    awards = decision_list.decisions.filter(outcome=Outcome.AWARDED).select_related("application__axis")
    by_envelope: dict[int, list[Decision]] = {}
    for decision in awards.order_by("position"):
        by_envelope.setdefault(envelope_for(decision.application).pk, []).append(decision)
    for shortfall in shortfalls:
        rows = by_envelope[int(shortfall["envelope_id"])]
        left = Decimal(shortfall["left"])
        while sum((row.amount_granted or Decimal(0) for row in rows), Decimal(0)) > left:
            edit_decision(
                decision=rows.pop(),
                outcome=Outcome.WAITLISTED,
                amount=None,
                motive=subjects.WAITING,
                version=decision_list.version,
                at=at,
                actor=cast.officer,
            )
            decision_list = DecisionList.objects.get(pk=decision_list.pk)
    return decision_list

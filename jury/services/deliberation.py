"""The plenary meeting: summons, attendance, opinions, closing."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet

from accounts.confirmations import content_digest
from accounts.models import User
from applications.models import Application
from calls.models import Axis
from core import outbox
from core.errors import Refused
from core.series import take_number
from jury import notifications
from jury.conflicts import affiliated_pairs
from jury.enums import Attendance, DeliberationState, Outcome
from jury.meeting import IN_MEETING, Presence, Quorum, casting_fault, quorum, vote_obstacle
from jury.models import AttendanceRow, Deliberation, Juror, Jury, Opinion, Recusal
from jury.permissions import dossiers_of, hides_dossiers, reads_every_mark, visible_opinions
from jury.queries import (
    Merit,
    departs_from_merit,
    full_merit,
    jury_dossiers,
    latest_opinions,
    paris_year,
    voiced,
)
from jury.ranking import Ranked
from jury.services.base import NOT_YOURS, authorise, grant_chair, lock_deliberation, note, refuse_if_tied
from jury.workflow import DELIBERATION, is_chair, is_officer

NOTICE = timedelta(days=5)
# A date further away is a slip: a jury has one meeting open at a time.
FURTHEST = timedelta(days=183)
NO_QUORUM = "Au moins un avis a été rendu sans quorum{named} : vérifiez les présences et les pouvoirs."
CHECK_EACH = (
    "Aucun avis n’est enregistré, ou l’un d’eux a été rendu sans quorum, ou voté par d’autres que les membres présents "
    "ou représentés : vérifiez les présences et les pouvoirs, ou enregistrez de nouveau chaque avis."
)
VOTES_CHANGED = (
    "Au moins un avis a été voté par d’autres que les membres présents ou représentés{named} : vérifiez les présences et "
    "les pouvoirs, ou enregistrez de nouveau l’avis."
)
ONE_BY_ONE = (
    "Un dossier ou une note de cette relève vous est fermé : les avis s’enregistrent alors un par un, chacun motivé."
)

CLOSING_CHANGED = (
    "Un avis ou une présence a changé depuis que vous avez lu cette page\u00a0: rien n’est clos. Relisez, puis confirmez "
    "de nouveau."
)


@dataclass(frozen=True)
class AttendanceInput:
    """How a member attends; ``proxy`` is the member who holds their vote."""

    juror: Juror
    attendance: str
    proxy: Juror | None = None


@dataclass(frozen=True)
class OpinionInput:
    """What the jury says of a dossier; ``amount`` in euros, for an award only."""

    outcome: str
    amount: Decimal | None = None
    motive: str = ""
    redirected_to: Axis | None = None
    votes_for: int | None = None
    votes_against: int | None = None
    casting_vote: str = ""


@transaction.atomic
def summon(*, jury: Jury, held_at: datetime, place: str, at: datetime, actor: User) -> Deliberation:
    """Calls the members to a meeting, five days ahead at least (décret 2006-672, art. 9). Raises Refused."""
    locked = Jury.objects.select_for_update(of=("self",)).select_related("session__axis__call").get(pk=jury.pk)
    _authorise_secretary(locked, actor, at)
    _refuse_meeting(held_at, place, at)
    if locked.deliberations.filter(state=DeliberationState.OPEN).exists():
        raise Refused("Une délibération de ce jury est déjà ouverte : terminez-la d’abord.")
    # The chair meets about every dossier, those opened to nobody yet included: without them ranks would be kept from them.
    grant_chair(locked, jury_dossiers(locked).values_list("pk", flat=True), at)
    last = locked.deliberations.aggregate(last=Max("number"))["last"] or 0
    deliberation = Deliberation.objects.create(
        jury=locked, number=last + 1, summoned_at=at, held_at=held_at, place=place.strip()
    )
    note(locked, "summoned", at=at, actor=actor, data={"deliberation": deliberation.pk, "held_at": held_at.isoformat()})
    notifications.summoned(deliberation)
    return deliberation


def _refuse_meeting(held_at: datetime, place: str, at: datetime) -> None:
    if held_at < at + NOTICE:
        raise Refused("La convocation part cinq jours au moins avant la séance.", field="held_at")
    if held_at > at + FURTHEST:
        raise Refused("Une séance se convoque six mois à l’avance au plus : vérifiez la date.", field="held_at")
    if not place.strip():
        raise Refused("Indiquez le lieu, ou l’adresse de la visioconférence.", field="place")


@transaction.atomic
def postpone(*, deliberation: Deliberation, held_at: datetime, place: str, at: datetime, actor: User) -> Deliberation:
    """Moves a meeting not yet held to another date or place, and summons the members again. Raises Refused."""
    locked = lock_deliberation(deliberation)
    _authorise_secretary(locked.jury, actor, at)
    if locked.state != DeliberationState.OPEN or at >= locked.held_at:
        raise Refused("La séance s’est tenue : elle ne se déplace plus.")
    _refuse_meeting(held_at, place, at)
    before = locked.held_at
    locked.summoned_at, locked.held_at, locked.place = at, held_at, place.strip()
    locked.save(update_fields=["summoned_at", "held_at", "place"])
    note(
        locked.jury,
        "postponed",
        at=at,
        actor=actor,
        data={"deliberation": locked.pk, "before": before.isoformat(), "held_at": held_at.isoformat()},
    )
    notifications.summoned(locked, moved_from=before)
    return locked


@transaction.atomic
def record_attendance(
    *, deliberation: Deliberation, rows: Sequence[AttendanceInput], at: datetime, actor: User
) -> None:
    """Writes who is there. A member holds one proxy at most, while present or remote. Raises Refused."""
    locked = lock_deliberation(deliberation)
    _authorise_open(locked, actor, at)
    # The rows written below point at jurors: locked in the order of every other writer.
    members = {row.pk for row in locked.jury.jurors.select_for_update(of=("self",), no_key=True).order_by("pk")}
    sitting = {row.juror.pk for row in rows if row.attendance in IN_MEETING}
    holders: set[int] = set()
    for row in rows:
        field = f"attendance_{row.juror.pk}"
        if row.juror.pk not in members:
            raise Refused("Cette personne ne siège pas dans ce jury.", field=field)
        if row.attendance != Attendance.PROXY:
            continue
        if row.proxy is None or row.proxy.pk not in sitting:
            raise Refused("Un pouvoir se donne à un membre présent ou à distance.", field=f"proxy_{row.juror.pk}")
        if row.proxy.pk in holders:
            raise Refused("Un membre ne reçoit qu’un pouvoir.", field=f"proxy_{row.juror.pk}")
        holders.add(row.proxy.pk)
    locked.attendance.all().delete()
    AttendanceRow.objects.bulk_create(
        AttendanceRow(
            deliberation=locked,
            juror=row.juror,
            attendance=row.attendance,
            proxy=row.proxy if row.attendance == Attendance.PROXY else None,
        )
        for row in rows
    )
    counts = {str(row.juror.pk): row.attendance for row in rows}
    note(locked.jury, "attendance", at=at, actor=actor, data={"deliberation": locked.pk, "members": counts})


def quorums(deliberation: Deliberation, applications: Iterable[Any]) -> dict[Any, Quorum]:
    """The quorum of each item (by dossier id): members in conflict excluded by themselves. A fixed number of queries."""
    keys = list(applications)
    jurors = list(deliberation.jury.jurors.values_list("pk", flat=True))
    rows = [Presence(row.juror_id, row.attendance, row.proxy_id) for row in deliberation.attendance.all()]
    apart = set_apart(deliberation, keys)
    share = deliberation.jury.grid.quorum_share
    return {key: quorum(jurors, rows, share, apart[str(key)]) for key in keys}


def set_apart(deliberation: Deliberation, applications: Collection[Any]) -> dict[str, set[int]]:
    """For each item (dossier id, as text), the members (ids) who take no part in it: recused, or affiliated to an
    applicant on the day of the meeting. Whoever recuses after the closing took part in it: the record stays."""
    found: dict[str, set[int]] = defaultdict(set)
    recused = Recusal.objects.filter(juror__jury=deliberation.jury_id, application__in=applications)
    if deliberation.state == DeliberationState.CLOSED:
        recused = recused.filter(declared_at__lte=deliberation.closed_at)
    for dossier, juror in recused.values_list("application_id", "juror_id"):
        found[str(dossier)].add(juror)
    jurors = dict(deliberation.jury.jurors.values_list("user_id", "pk"))
    for user, key in affiliated_pairs(list(jurors), applications, deliberation.held_at):
        found[key].add(jurors[user])
    return found


@transaction.atomic
def record_opinion(
    *, deliberation: Deliberation, application: Application, opinion: OpinionInput, at: datetime, actor: User
) -> Opinion:
    """Writes, or rewrites while the meeting is open, the jury's opinion on one dossier.

    Refused without the item's quorum, against the majority, or without the motive that is needed by a departure from
    the order of merit (always asked of whoever may not read every mark) and by a dossier that the jury has already
    spoken of in a closed meeting. ``actor`` is the chair, or an officer as
    secretary; never someone recused from the dossier.
    """
    locked = lock_deliberation(deliberation)
    _authorise_open(locked, actor, at)
    refuse_if_tied(actor, application, at)
    if not jury_dossiers(locked.jury).filter(pk=application.pk).exists():
        raise Refused("Ce dossier n’attend pas l’avis de ce jury.")
    found = quorums(locked, [application.pk])[application.pk]
    if not found.is_reached:
        raise Refused(_quorum_sentence(found))
    votes = (opinion.votes_for, opinion.votes_against, opinion.casting_vote)
    sentence, field = vote_obstacle(found, _chair_of(locked), *votes)
    if not sentence:
        sentence, field = casting_fault(*votes)
    if sentence:
        raise Refused(sentence, field=field)
    merit = full_merit(locked.jury)
    _refuse_content(locked, application, opinion)
    departs = departs_from_merit(merit, str(application.pk), opinion.outcome, opinion.amount)
    before = latest_opinions([application.pk]).get(application.pk)
    _refuse_without_motive(locked.jury, opinion, departs, before, actor)
    recorded = _write_opinion(locked, application, opinion, merit, departs)
    note(
        locked.jury,
        "opinion",
        at=at,
        actor=actor,
        to_state=recorded.outcome,
        data={
            "deliberation": locked.pk,
            "application": str(application.pk),
            "amount": "" if recorded.amount_proposed is None else str(recorded.amount_proposed),
            "departs": departs,
            "reopens": "" if before is None else before.deliberation.minutes_number,
        },
    )
    return recorded


def _chair_of(deliberation: Deliberation) -> int | None:
    return deliberation.jury.jurors.filter(is_chair=True).values_list("pk", flat=True).first()


def _refuse_without_motive(
    jury: Jury, opinion: OpinionInput, departs: bool, before: Opinion | None, actor: User
) -> None:
    """Whoever may not read every mark always gives a motive: being asked for one, or not, would tell the ranking."""
    if opinion.motive.strip():
        return
    if before is not None:
        raise Refused(
            f"Le jury s’est déjà prononcé sur ce dossier, séance n° {before.deliberation.number} : "
            f"{before.get_outcome_display()}. Dites dans le motif pourquoi vous le rouvrez.",
            field="motive",
        )
    if opinion.outcome != Outcome.AWARDED:
        raise Refused("Motivez cet avis : il n’est pas favorable.", field="motive")
    if not reads_every_mark(actor, jury):
        raise Refused("Motivez cet avis.", field="motive")
    if departs:
        raise Refused(
            "Motivez cet avis : il s’écarte de ce que la règle propose, ou du montant demandé.", field="motive"
        )


def _refuse_content(deliberation: Deliberation, application: Application, opinion: OpinionInput) -> None:
    if opinion.outcome not in Outcome.values:
        raise Refused("Choisissez l’avis du jury.", field="outcome")
    if opinion.outcome == Outcome.AWARDED:
        if opinion.amount is None or opinion.amount <= 0:
            raise Refused("Indiquez le montant proposé.", field="amount")
        if application.amount_requested is not None and opinion.amount > application.amount_requested:
            raise Refused("Le montant proposé dépasse l’aide demandée.", field="amount")
    if opinion.outcome == Outcome.REDIRECTED and opinion.redirected_to is None:
        raise Refused("Indiquez le guichet vers lequel le dossier est réorienté.", field="redirected_to")
    call = deliberation.jury.session.axis.call
    if opinion.outcome == Outcome.WAITLISTED and not call.has_waiting_list:
        raise Refused("Cet appel n’a pas de liste d’attente.", field="outcome")
    if opinion.redirected_to is not None and opinion.redirected_to.call_id != call.pk:
        raise Refused("Ce guichet n’est pas de cet appel.", field="redirected_to")


def _write_opinion(
    deliberation: Deliberation, application: Application, opinion: OpinionInput, merit: Merit, departs: bool
) -> Opinion:
    row = merit.position(str(application.pk))
    voted_tie = opinion.votes_for is not None and opinion.votes_for == opinion.votes_against
    recorded, _ = Opinion.objects.update_or_create(
        deliberation=deliberation,
        application=application,
        defaults={
            "merit_rank": row.rank if row else None,
            "average": row.mean if row else None,
            "outcome": opinion.outcome,
            "amount_proposed": opinion.amount if opinion.outcome == Outcome.AWARDED else None,
            "redirected_to": opinion.redirected_to if opinion.outcome == Outcome.REDIRECTED else None,
            "motive": opinion.motive.strip(),
            "votes_for": opinion.votes_for,
            "votes_against": opinion.votes_against,
            "casting_vote": opinion.casting_vote if voted_tie else "",
            "departs_from_merit": departs,
        },
    )
    return recorded


@transaction.atomic
def confirm_block(
    *,
    deliberation: Deliberation,
    at: datetime,
    actor: User,
    below: str = Outcome.REFUSED,
    motive: str = "",
    called_up: Collection[Any] = (),
    shown: Mapping[str, bool] | None = None,
) -> list[Opinion]:
    """Confirms at once the dossiers whose place no single mark can change; ``called_up`` ids are left for discussion.

    Above the line: awarded as asked. Below: ``below`` (refused or waitlisted) for ``motive``, needed then. Dossiers
    without quorum, or already spoken of in this meeting or a closed one, are left out. ``shown``, what the person read
    (dossier id → above the line), leaves to the discussion whatever stands otherwise now. Returns the opinions.
    Refused to whoever does not read every dossier and mark: which dossiers stand firm would tell them of the others.
    """
    locked = lock_deliberation(deliberation)
    _authorise_open(locked, actor, at)
    if not reads_every_mark(actor, locked.jury):
        raise Refused(ONE_BY_ONE)
    if below not in (Outcome.REFUSED, Outcome.WAITLISTED):
        raise Refused("Au-dessous de la ligne, un dossier est non retenu ou en liste d’attente.", field="below")
    if below == Outcome.WAITLISTED and not locked.jury.session.axis.call.has_waiting_list:
        raise Refused("Cet appel n’a pas de liste d’attente.", field="below")
    written = [
        Opinion(
            deliberation=locked,
            application=dossier,
            merit_rank=row.rank,
            average=row.mean,
            outcome=Outcome.AWARDED if is_above else below,
            amount_proposed=row.candidate.amount if is_above else None,
            motive="" if is_above else motive.strip(),
        )
        for row, dossier, is_above in _firm(locked, called_up)
        if shown is None or shown.get(row.key) is is_above
    ]
    if not motive.strip() and any(row.outcome == below for row in written):
        raise Refused("Indiquez le motif qui vaut pour les dossiers non retenus.", field="motive")
    Opinion.objects.bulk_create(written)
    note(
        locked.jury,
        "block_confirmed",
        at=at,
        actor=actor,
        data={"deliberation": locked.pk, "applications": [str(opinion.application_id) for opinion in written]},
    )
    return written


def _firm(deliberation: Deliberation, called_up: Collection[Any]) -> list[tuple[Ranked, Application, bool]]:
    """Dossiers whose place neither a single mark nor what the jury has said can change, with whether they stand above
    the line."""
    merit = full_merit(deliberation.jury)
    said = voiced(deliberation, [row.key for row in merit.ranked])
    apart = merit.to_discuss(said) | {str(key) for key in called_up}
    unspoken = jury_dossiers(deliberation.jury).exclude(opinions__deliberation=deliberation)
    # A dossier already spoken of is reopened by itself, with a motive.
    unspoken = unspoken.exclude(opinions__deliberation__state=DeliberationState.CLOSED)
    dossiers = {str(row.pk): row for row in unspoken if str(row.pk) not in apart}
    found = quorums(deliberation, [row.pk for row in dossiers.values()])
    chosen = set(merit.selection.chosen)
    return [
        (row, dossiers[row.key], row.key in chosen)
        for row in merit.ranked
        if row.key in dossiers and found[dossiers[row.key].pk].is_reached
    ]


def closing_digest(deliberation: Deliberation, reader: User) -> str:
    """SHA-256 of what ``reader`` is shown before closing: the opinions that they may read, the attendance, the dossiers
    without an opinion in this meeting."""
    said = {
        str(row.application_id): [
            row.outcome,
            str(row.amount_proposed),
            row.redirected_to_id,
            row.motive,
            row.votes_for,
            row.votes_against,
            row.casting_vote,
        ]
        for row in visible_opinions(deliberation, reader)
    }
    there = {str(row.juror_id): [row.attendance, row.proxy_id] for row in deliberation.attendance.all()}
    left = [str(pk) for pk in without_opinion(deliberation, reader).values_list("pk", flat=True)]
    return content_digest({"opinions": said, "attendance": there, "without": left})


def without_opinion(deliberation: Deliberation, reader: User) -> QuerySet[Application]:
    """Dossiers that ``reader`` sees and that have no opinion in this meeting yet, by number."""
    rows = dossiers_of(deliberation.jury, reader).filter(pk__in=jury_dossiers(deliberation.jury).values("pk"))
    return rows.exclude(opinions__deliberation=deliberation).order_by("number", "pk")


@transaction.atomic
def close_deliberation(
    *, deliberation: Deliberation, at: datetime, actor: User, shown: str | None = None
) -> Deliberation:
    """Closes the meeting for good: final order, number of the minutes, and their PDF by the worker.

    Refused unless every item had its quorum, and its votes their majority, with the attendance as recorded; refused
    too where ``shown``, the ``closing_digest`` that the person read, is no longer what stands.
    """
    locked = lock_deliberation(deliberation)
    authorise(DELIBERATION, actor, locked, "close", at)
    if shown is not None and shown != closing_digest(locked, actor):
        raise Refused(CLOSING_CHANGED, field="shown")
    if hides_dossiers(actor, locked.jury) and not locked.opinions.exists():
        # Alike with an opinion that could not be closed: whether one exists on a dossier that they left is not theirs.
        raise Refused(CHECK_EACH)
    DELIBERATION.check(locked, "close", at)
    opinions = list(locked.opinions.select_related("application").order_by("pk"))
    _refuse_unvoted(locked, opinions, actor)
    _set_final_order(locked.jury, opinions)
    year = paris_year(at)
    locked.minutes_number = f"PV-{year}-{take_number(f'minutes:{year}'):04d}"
    locked.closed_at = at
    locked.closed_by = actor
    locked.close()
    locked.save(update_fields=["state", "minutes_number", "closed_at", "closed_by"])
    outbox.enqueue(kind="jury.minutes", payload={"deliberation": locked.pk}, dedupe_key=f"jury:minutes:{locked.pk}")
    note(
        locked.jury,
        "deliberation_closed",
        at=at,
        actor=actor,
        to_state=locked.state,
        data={"deliberation": locked.pk, "minutes": locked.minutes_number, "opinions": len(opinions)},
    )
    return locked


def _refuse_unvoted(deliberation: Deliberation, opinions: list[Opinion], actor: User) -> None:
    found = quorums(deliberation, [opinion.application_id for opinion in opinions])
    chair = _chair_of(deliberation)
    # What is said to a chair who lacks a dossier says the same of whichever is at fault.
    lacks_one = hides_dossiers(actor, deliberation.jury)
    without = [opinion for opinion in opinions if not found[opinion.application_id].is_reached]
    if without:
        raise Refused(CHECK_EACH if lacks_one else NO_QUORUM.format(named=_named(without)))
    changed = [
        opinion
        for opinion in opinions
        if vote_obstacle(
            found[opinion.application_id], chair, opinion.votes_for, opinion.votes_against, opinion.casting_vote
        )[0]
    ]
    if changed:
        raise Refused(CHECK_EACH if lacks_one else VOTES_CHANGED.format(named=_named(changed)))


def _named(opinions: list[Opinion]) -> str:
    """« (A, B) »: for a chair who sees every dossier of the jury."""
    return f" ({', '.join(sorted(opinion.application.number or '' for opinion in opinions))})"


def _set_final_order(jury: Jury, opinions: list[Opinion]) -> None:
    """Awards first, then the waiting list, then the others, each in order of merit.

    The order of the closing, the same for all: a recusal or a mark may have moved ranks between two opinions.
    """
    ranked = {row.key: row for row in full_merit(jury).ranked}
    for opinion in opinions:
        if (row := ranked.get(str(opinion.application_id))) is not None:
            opinion.merit_rank, opinion.average = row.rank, row.mean
    group = {Outcome.AWARDED: 0, Outcome.WAITLISTED: 1}
    opinions.sort(
        key=lambda row: (group.get(Outcome(row.outcome), 2), row.merit_rank or 10**9, str(row.application_id))
    )
    for position, opinion in enumerate(opinions, start=1):
        opinion.rank = position
    Opinion.objects.bulk_update(opinions, ["rank", "merit_rank", "average"])


def _quorum_sentence(found: Quorum) -> str:
    return (
        f"Le quorum n’est pas atteint sur ce dossier : {found.present} membre(s) présent(s) ou représenté(s), "
        f"il en faut {found.needed} sur {found.members}, déports exclus."
    )


def _authorise_secretary(jury: Jury, actor: User, at: datetime) -> None:
    if not (is_chair(actor, jury, at) or is_officer(actor, jury, at)):
        raise Refused(NOT_YOURS)


def _authorise_open(deliberation: Deliberation, actor: User, at: datetime) -> None:
    _authorise_secretary(deliberation.jury, actor, at)
    if deliberation.state != DeliberationState.OPEN:
        raise Refused("Cette délibération est close : son procès-verbal ne change plus.")
    if at < deliberation.held_at:
        raise Refused("La séance ne s’est pas encore tenue.")

"""From rows to the plain values that ranking, calibration and selection work on. A fixed number of queries each."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from accounts.models import User
from applications.enums import ApplicationState
from applications.models import Application
from budget.models import AwardBalance, Balance, LedgerEntry
from calls.models import ScoringGrid
from core.errors import Refused
from core.models import JournalEntry
from jury.conflicts import serving
from jury.enums import DecisionListState, DeliberationState, EvaluationState, Outcome
from jury.models import Decision, DecisionList, Deliberation, Evaluation, Jury, Opinion, Recusal
from jury.permissions import lists_of_hidden_dossiers
from jury.ranking import Candidate, Ranked, Reading, rank, uncertain
from jury.scoring import CriterionSpec
from jury.selection import SKIP, Item, Selection, two_passes

SENT_BACK = "sent_back"
ACTIVE = (EvaluationState.ASSIGNED, EvaluationState.DRAFT, EvaluationState.SUBMITTED)


def criteria_of(grid: ScoringGrid) -> list[CriterionSpec]:
    """The grid's criteria in order."""
    return [
        CriterionSpec(code=row.code, label=row.label, weight=row.weight, eliminatory_below=row.eliminatory_below)
        for row in grid.criteria.order_by("position", "id")
    ]


def candidates(applications: Iterable[Application], evaluations: QuerySet[Evaluation]) -> list[Candidate]:
    """Dossiers with the marks found in ``evaluations``, which the caller has restricted to what may be read."""
    rows = list(applications)
    keys = [application.pk for application in rows]
    found: dict[Any, list[Reading]] = defaultdict(list)
    submitted = evaluations.filter(state=EvaluationState.SUBMITTED, application__in=keys)
    for evaluation in submitted.order_by("application_id", "juror_id").prefetch_related("scores__criterion"):
        marks = {score.criterion.code: score.mark for score in evaluation.scores.all()}
        found[evaluation.application_id].append(Reading(total=evaluation.total or Decimal(0), marks=marks))
    awaited = dict(
        Evaluation.objects.filter(application__in=keys, state__in=ACTIVE)
        .exclude(state=EvaluationState.SUBMITTED)
        .order_by()
        .values_list("application")
        .annotate(Count("pk"))
    )
    return [
        Candidate(
            key=str(row.pk),
            filed_at=row.submitted_at or row.created_at,
            amount=row.amount_requested or Decimal(0),
            readings=tuple(found[row.pk]),
            awaited=awaited.get(row.pk, 0),
            place=row.departement_code,
        )
        for row in rows
    ]


NO_ENVELOPE = "Aucune enveloppe"


@dataclass(frozen=True)
class Purse:
    """A leaf that pays awards, of one département or of the rest (``place`` empty); ``left`` in euros."""

    place: str
    name: str
    left: Decimal


def purses_of(jury: Jury) -> dict[str, Purse]:
    """What may still be reserved on each leaf of the jury's axis (or of the axis that funds it), by département."""
    axis = jury.session.axis
    leaves = Balance.objects.filter(
        envelope__axis_id=axis.funded_from_id or axis.pk, envelope__call_id=axis.call_id
    ).exclude(envelope__children__isnull=False)
    found: dict[str, Purse] = {}
    for row in leaves.select_related("envelope").order_by("envelope__position", "envelope__code"):
        place = row.envelope.departement_code
        left = row.allocated - row.delegated - row.reserved - row.committed
        found.setdefault(place, Purse(place, row.envelope.name, left))
    return found


def payers_of(jury: Jury, applications: Iterable[Application]) -> list[Purse]:
    """The leaves that would pay these dossiers, each once, by name. One query."""
    purses = purses_of(jury)
    places = {row.departement_code if row.departement_code in purses else "" for row in applications}
    none = Purse("", NO_ENVELOPE, Decimal(0))
    return sorted((purses.get(place, none) for place in places), key=lambda row: row.name)


def _before_awards(purses: dict[str, Purse], applications: Iterable[Application]) -> dict[str, Purse]:
    """The same purses with what they hold for these dossiers, reserved or committed, put back."""
    rows = AwardBalance.objects.filter(application__in=[row.pk for row in applications])
    sums = rows.order_by().values_list("envelope__departement_code").annotate(Sum("reserved"), Sum("committed"))
    held = {place: reserved + committed for place, reserved, committed in sums}
    return {place: replace(purse, left=purse.left + held.get(place, Decimal(0))) for place, purse in purses.items()}


@dataclass(frozen=True)
class Spending:
    """What a list takes from one leaf, in euros. ``left`` is what the leaf holds now: before the list takes anything
    or, once it ``is_taken``, after."""

    key: str
    name: str
    asked: Decimal
    left: Decimal
    is_taken: bool = False

    @property
    def after(self) -> Decimal:
        return self.left if self.is_taken else self.left - self.asked

    @property
    def missing(self) -> Decimal:
        return max(Decimal(0), -self.after)


def spending_of(jury: Jury, decisions: Iterable[Decision]) -> dict[int, Spending]:
    """For each award (by the id of its decision), the leaf that would pay it and all that these awards ask of it: that
    of the dossier’s département, or the rest. One query."""
    purses = purses_of(jury)
    payer: dict[int, str] = {}
    asked: dict[str, Decimal] = defaultdict(Decimal)
    for row in decisions:
        if row.amount_granted is None:
            continue
        place = row.application.departement_code
        payer[row.pk] = place if place in purses else ""
        asked[payer[row.pk]] += row.amount_granted
    found = {}
    for place, amount in asked.items():
        purse = purses.get(place, Purse(place, NO_ENVELOPE, Decimal(0)))
        found[place] = Spending(place, purse.name, amount, purse.left)
    return {pk: found[place] for pk, place in payer.items()}


def spent_of(decisions: Iterable[Decision]) -> dict[int, Spending]:
    """For each award of a released list, the leaf that paid it, what the list reserved there, and what is left there
    today. One query."""
    keys = {award_key(row): row.pk for row in decisions if row.amount_granted is not None}
    entries = LedgerEntry.objects.filter(idempotency_key__in=list(keys)).select_related("envelope__balance")
    by_leaf: dict[Any, list[LedgerEntry]] = defaultdict(list)
    for entry in entries.order_by("idempotency_key"):
        by_leaf[entry.envelope_id].append(entry)
    found = {}
    for rows in by_leaf.values():
        envelope, balance = rows[0].envelope, rows[0].envelope.balance
        left = balance.allocated - balance.delegated - balance.reserved - balance.committed
        amount = sum((row.amount for row in rows), Decimal(0))
        taken = Spending(envelope.code, envelope.name, amount, left, is_taken=True)
        found.update({keys[row.idempotency_key]: taken for row in rows})
    return found


def award_key(decision: Decision) -> str:
    """The key under which the ledger holds what a release reserved for this decision."""
    return f"decision:{decision.pk}"


def by_envelope(spending: Mapping[int, Spending]) -> list[Spending]:
    """Each leaf once, by name."""
    return sorted(set(spending.values()), key=lambda row: (row.name, row.key))


def shortfalls_of(jury: Jury, decisions: Iterable[Decision]) -> list[Spending]:
    """The leaves that these awards would overdraw, by name."""
    return [row for row in by_envelope(spending_of(jury, decisions)) if row.missing]


@dataclass(frozen=True)
class Merit:
    """The order of merit against the envelopes that pay these dossiers, by département; amounts in euros."""

    ranked: list[Ranked]
    selection: Selection
    purses: dict[str, Purse]
    # Beyond this gap between two marks, in points out of 20, people discuss whatever the rank.
    gap: Decimal
    # The published rule by which the line is drawn, a key of ``jury.selection.RULES``.
    policy: str = SKIP

    @property
    def available(self) -> Decimal:
        return sum((purse.left for purse in self.purses.values()), Decimal(0))

    def purse_of(self, row: Ranked) -> Purse | None:
        """The envelope that would pay the dossier; None where there is none."""
        return self.purses.get(_place_of(row, self.purses))

    def agenda(self) -> set[str]:
        """Dossiers that people must discuss: one mark may carry them over the line of the envelope that pays them, the
        rule skipped around them, or their readers differ beyond the gap of the grid.

        Every dossier of an envelope down to rank ``first_cut`` fits; none below ``cut`` does.
        """
        chosen = set(self.selection.chosen)
        last = max((row.rank for row in self.ranked), default=0)
        found = {row.key for row in self.ranked if row.spread is not None and row.spread > self.gap}
        by_place: dict[str, list[Ranked]] = defaultdict(list)
        for row in self.ranked:
            by_place[_place_of(row, self.purses)].append(row)
        for rows in by_place.values():
            cut = max((row.rank for row in rows if row.key in chosen), default=0)
            first_cut = min((row.rank for row in rows if row.key not in chosen), default=last + 1) - 1
            found |= {row.key for row in rows if first_cut < row.rank <= cut}
            found |= uncertain(rows, first_cut) | uncertain(rows, cut)
        return found

    def moved_by(self, opinions: Iterable[Opinion]) -> set[str]:
        """Dossiers that cross the line once these opinions are followed: an award against the order takes money that
        others were to have, a refusal leaves some."""
        opinions = list(opinions)
        spoken = {str(opinion.application_id) for opinion in opinions}
        return (set(self.selection.chosen) ^ set(self.after(opinions).selection.chosen)) - spoken

    def to_discuss(self, opinions: Iterable[Opinion]) -> set[str]:
        """The agenda, as drawn by the marks and as drawn again once these opinions are followed."""
        opinions = list(opinions)
        return self.agenda() | self.moved_by(opinions) | self.after(opinions).agenda()

    def after(self, opinions: Iterable[Opinion]) -> "Merit":
        """The same for the dossiers of which these opinions do not speak, with the money that they leave."""
        left = {place: purse.left for place, purse in self.purses.items()}
        places = {row.key: _place_of(row, self.purses) for row in self.ranked}
        spoken = set()
        for opinion in opinions:
            key = str(opinion.application_id)
            spoken.add(key)
            if key in places and places[key] in left:
                left[places[key]] -= opinion.amount_proposed or Decimal(0)
        others = [row for row in self.ranked if row.key not in spoken]
        selection = two_passes(items_of(others, self.purses), left, policy=self.policy)
        return replace(self, ranked=others, selection=selection)

    def position(self, key: str) -> Ranked | None:
        return next((row for row in self.ranked if row.key == key), None)


def _place_of(row: Ranked, purses: Mapping[str, Purse]) -> str:
    """Whose money the dossier asks: that of its département, or the rest."""
    return row.candidate.place if row.candidate.place in purses else ""


def items_of(ranked: Iterable[Ranked], purses: Mapping[str, Purse]) -> list[Item]:
    """What may be selected: marked, not eliminated, with an amount; each with the envelope that pays it."""
    return [
        Item(key=row.key, mean=row.mean, amount=row.candidate.amount, purse=_place_of(row, purses))
        for row in ranked
        if row.mean is not None and not row.eliminated_by and row.candidate.amount > 0
    ]


def merit_of(
    jury: Jury, applications: Iterable[Application], evaluations: QuerySet[Evaluation], *, is_decided: bool = False
) -> Merit:
    """Ranks the dossiers and draws the line where the published rule stops spending the envelopes.

    The dossiers still await a decision, and share what is left; or all have had one (``is_decided``), and what is
    reserved or committed for them is put back, else it would count twice. Until then the marks of whoever has left a
    dossier rank it no more, even given before a first meeting.
    """
    rows = list(applications)
    if not is_decided:
        left_by_juror = Recusal.objects.filter(juror=OuterRef("juror"), application=OuterRef("application"))
        evaluations = evaluations.exclude(Exists(left_by_juror))
    ranked = rank(candidates(rows, evaluations), criteria_of(jury.grid))
    purses = _before_awards(purses_of(jury), rows) if is_decided else purses_of(jury)
    left = {place: purse.left for place, purse in purses.items()}
    selection = two_passes(items_of(ranked, purses), left, policy=jury.selection_rule)
    return Merit(ranked, selection, purses, jury.grid.third_juror_gap, jury.selection_rule)


def full_merit(jury: Jury, applications: Iterable[Application] | None = None) -> Merit:
    """The ranking on every submitted mark: for the services and the minutes, never for a page."""
    rows = jury_dossiers(jury) if applications is None else applications
    return merit_of(jury, rows, Evaluation.objects.filter(juror__jury=jury))


def jury_dossiers(jury: Jury) -> QuerySet[Application]:
    """Admissible dossiers of the jury's session, which it has still to examine."""
    return Application.objects.filter(session_id=jury.session_id, state=ApplicationState.ADMISSIBLE).order_by("id")


def unheard_dossiers(jury: Jury) -> QuerySet[Application]:
    """Those of which the jury has not spoken in a closed meeting: the only ones still read and marked."""
    return jury_dossiers(jury).exclude(opinions__deliberation__state=DeliberationState.CLOSED)


@dataclass(frozen=True)
class Gap:
    """A dossier that lacks readers, or whose readers differ too much. ``spread`` in points out of 20."""

    application_id: Any
    active: int
    submitted: int
    wanted: int
    spread: Decimal | None

    @property
    def missing(self) -> int:
        return max(0, self.wanted - self.active)


def gaps_of(jury: Jury, applications: Iterable[Any], readable: QuerySet[Evaluation] | None = None) -> dict[Any, Gap]:
    """For each dossier (by id): seats wanted, taken, submitted. A third is wanted where two differ beyond the gap.

    ``readable`` restricts the marks that may tell so: what a page shows never comes from marks its reader may not see.
    """
    return gaps_under({key: jury.grid for key in applications}, readable)


def gaps_under(grids: Mapping[Any, ScoringGrid], readable: QuerySet[Evaluation] | None = None) -> dict[Any, Gap]:
    """The same for dossiers (by id) of several juries, each under its grid. Two queries."""
    keys = list(grids)
    totals: dict[Any, list[Decimal]] = defaultdict(list)
    active: dict[Any, int] = defaultdict(int)
    submitted: dict[Any, int] = defaultdict(int)
    # A dossier is of one session, which has one jury.
    rows = Evaluation.objects.filter(application__in=keys, state__in=ACTIVE)
    # Whoever can read no more holds no seat, unless they had handed in before.
    rows = rows.filter(Q(state=EvaluationState.SUBMITTED) | Q(juror__in=serving(timezone.now())))
    for key, state in rows.order_by("id").values_list("application_id", "state"):
        active[key] += 1
        submitted[key] += state == EvaluationState.SUBMITTED
    marked = (rows if readable is None else readable).filter(application__in=keys, state=EvaluationState.SUBMITTED)
    for key, total in marked.order_by("id").values_list("application_id", "total"):
        if total is not None:
            totals[key].append(total)
    gaps = {}
    for key, grid in grids.items():
        spread = max(totals[key]) - min(totals[key]) if len(totals[key]) > 1 else None
        differs = spread is not None and spread > grid.third_juror_gap
        wanted = grid.jurors_per_dossier + (1 if differs else 0)
        gaps[key] = Gap(key, active[key], submitted[key], wanted, spread)
    return gaps


def departs_from_merit(merit: Merit, key: str, outcome: str, amount: Decimal | None) -> bool:
    """Whether an opinion differs from what the published rule proposes for this dossier."""
    row = merit.position(key)
    proposed = key in set(merit.selection.chosen)
    if outcome != Outcome.AWARDED:
        return proposed
    return not proposed or row is None or amount != row.candidate.amount


def departures(decision_list: DecisionList, decisions: Iterable[Decision]) -> dict[int, Opinion]:
    """For each decision (by its id) that is not what the jury said in the meeting of the list, what it said. One query."""
    rows = list(decisions)
    opinions = Opinion.objects.filter(
        deliberation=decision_list.deliberation_id, application__in=[row.application_id for row in rows]
    )
    said = {opinion.application_id: opinion for opinion in opinions}
    return {
        row.pk: opinion
        for row in rows
        if (opinion := said.get(row.application_id)) is not None
        and (row.outcome, row.amount_granted) != (opinion.outcome, opinion.amount_proposed)
    }


def latest_opinions(applications: Iterable[Any]) -> dict[Any, Opinion]:
    """For each dossier (by id) on which a deliberation is closed, the last opinion given. One query."""
    rows = Opinion.objects.filter(application__in=list(applications), deliberation__state=DeliberationState.CLOSED)
    found = rows.select_related("deliberation", "redirected_to").order_by("deliberation__number", "pk")
    return {opinion.application_id: opinion for opinion in found}


def voiced(deliberation: Deliberation, applications: Iterable[Any]) -> list[Opinion]:
    """What the jury says of each of these dossiers (ids): in this meeting, else in the last one closed. Two queries."""
    keys = list(applications)
    said = latest_opinions(keys)
    said.update({row.application_id: row for row in deliberation.opinions.filter(application__in=keys)})
    return list(said.values())


def is_superseded(deliberation: str = "deliberation") -> Exists:
    """On opinions, or on decisions whose ``deliberation`` is the path to the meeting they stand on: the jury gave
    another opinion since, in a meeting that is closed. A session has one jury."""
    since = Opinion.objects.filter(
        application=OuterRef("application"),
        deliberation__state=DeliberationState.CLOSED,
        deliberation__number__gt=OuterRef(f"{deliberation}__number"),
    )
    return Exists(since)


@dataclass(frozen=True)
class SentBack:
    """A list given back by the second person: what is to be seen again, by whom, when."""

    reason: str
    actor: User
    at: datetime


def last_sent_back(decision_list: DecisionList, reader: Any) -> SentBack | None:
    """The last time a list in preparation was given back; None when it is proposed, was never given back, or when what
    was said may speak of a dossier kept from the reader."""
    if decision_list.state != DecisionListState.PREPARING or decision_list.prepared_at is None:
        return None
    rows = JournalEntry.objects.filter(
        chain=f"decision-list:{decision_list.pk}",
        action=f"decision_list.{SENT_BACK}",
        at__gte=decision_list.prepared_at,
    )
    row = rows.order_by("-number").first()
    if row is None or row.actor_id is None or str(decision_list.pk) in lists_of_hidden_dossiers(reader):
        return None
    return SentBack(row.reason, User.objects.get(pk=row.actor_id), row.at)


def total_granted(decisions: Iterable[Decision]) -> Decimal:
    """Sum of the awards, in euros."""
    return sum((decision.amount_granted or Decimal(0) for decision in decisions), Decimal(0))


def pending_decisions() -> QuerySet[Decision]:
    """Decisions of the lists not yet released nor cancelled."""
    return Decision.objects.filter(decision_list__state__in=(DecisionListState.PREPARING, DecisionListState.PREPARED))


def in_another_list(applications: Iterable[Any]) -> QuerySet[Decision]:
    """Decisions on these dossiers in a list not yet released nor cancelled."""
    return pending_decisions().filter(application__in=list(applications))


def refuse_unless(condition: bool, message: str, *, field: str | None = None) -> None:
    """Raises Refused with the sentence unless the condition holds."""
    if not condition:
        raise Refused(message, field=field)


def paris_year(at: datetime) -> int:
    """The year of an instant in Europe/Paris, for numbers that restart each year."""
    from django.utils import timezone

    return timezone.localtime(at).year

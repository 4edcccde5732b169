"""What waits for the chair and for the officer, in a fixed number of queries; counted as the pages count it.

Nothing here is told by a mark or a dossier that the person may not see.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone

from applications.enums import ApplicationState
from calls.enums import MandateRole
from calls.permissions import territory_scope
from core.navigation import once
from jury.enums import DecisionListState, DeliberationState
from jury.models import AssignmentRun, Decision, DecisionList, Deliberation, Jury, Opinion
from jury.permissions import chaired, judgeable, readable_evaluations, visible_deliberations, visible_lists
from jury.queries import gaps_under, is_superseded, pending_decisions


@dataclass(frozen=True)
class ChairWork:
    """What a jury expects of its chair: seats without reader, a proposal to confirm (its id), a meeting to summon once
    all is read, meetings held but still open (their ids)."""

    jury: Jury
    missing: int
    run: int | None
    may_summon: bool
    to_close: tuple[int, ...]

    def __bool__(self) -> bool:
        return bool(self.missing or self.run or self.may_summon or self.to_close)


def chair_work(user: Any) -> dict[int, ChairWork]:
    """For each jury that the person presides (by id), what waits for them; once per request."""
    return once(user, "jury.chair_work", lambda: _chair_work(user, timezone.now()))


def _chair_work(user: Any, at: datetime) -> dict[int, ChairWork]:
    juries = {jury.pk: jury for jury in chaired(user).select_related("grid").order_by("pk")}
    if not juries:
        return {}
    spoken = Opinion.objects.filter(application=OuterRef("pk"), deliberation__state=DeliberationState.CLOSED)
    seen = judgeable(user).filter(session__jury__in=list(juries), state=ApplicationState.ADMISSIBLE)
    to_examine = dict(seen.exclude(Exists(spoken)).order_by("pk").values_list("pk", "session__jury"))
    gaps = gaps_under({key: juries[jury].grid for key, jury in to_examine.items()}, readable_evaluations(user))
    found = defaultdict(list)
    for key, jury in to_examine.items():
        found[jury].append(gaps[key])
    runs = proposals(list(juries))
    meetings = defaultdict(list)
    for pk, jury, held_at in (
        Deliberation.objects.filter(jury__in=list(juries), state=DeliberationState.OPEN)
        .order_by("pk")
        .values_list("pk", "jury_id", "held_at")
    ):
        meetings[jury].append((pk, held_at))
    return {
        pk: ChairWork(
            jury=jury,
            missing=sum(gap.missing for gap in found[pk]),
            run=runs.get(pk) if found[pk] else None,
            may_summon=bool(found[pk])
            and not meetings[pk]
            and all(gap.missing == 0 and gap.submitted == gap.active for gap in found[pk]),
            to_close=tuple(meeting for meeting, held_at in meetings[pk] if held_at <= at),
        )
        for pk, jury in juries.items()
    }


def proposals(juries: list[int]) -> dict[int, int]:
    """For each jury (by id) whose last proposal of assignment nobody has confirmed, that proposal (by id)."""
    last = AssignmentRun.objects.filter(jury__in=juries).order_by("jury", "-computed_at", "-pk").distinct("jury")
    return {jury: pk for jury, pk, confirmed in last.values_list("jury", "pk", "confirmed_at") if confirmed is None}


def awaiting_lists(user: Any) -> QuerySet[Deliberation]:
    """Closed deliberations with, as ``count``, the dossiers that the reader sees and that no list holds yet."""
    return _with_dossiers(user, ApplicationState.ADMISSIBLE)


def waiting_lists(user: Any) -> QuerySet[Deliberation]:
    """Closed deliberations with, as ``count``, the dossiers of their waiting list that no list of decisions holds."""
    return _with_dossiers(user, ApplicationState.WAITLISTED)


def _with_dossiers(user: Any, state: ApplicationState) -> QuerySet[Deliberation]:
    seen = judgeable(user).filter(state=state)
    opinions = Opinion.objects.filter(application__in=seen).exclude(is_superseded())
    opinions = opinions.exclude(application__in=pending_decisions().values("application"))
    # One filter, hence one join: what is counted is what is asked.
    rows = visible_deliberations(user).filter(state=DeliberationState.CLOSED, opinions__in=opinions)
    return rows.select_related("jury__session__axis").annotate(count=Count("opinions")).order_by("-closed_at", "pk")


def to_prepare(user: Any) -> list[Deliberation]:
    """Those of the axes that the person manages: a list is theirs to prepare."""
    scope = territory_scope(user, [MandateRole.OFFICER], timezone.now())
    return [row for row in awaiting_lists(user) if scope.covers(axis=row.jury.session.axis)] if scope else []


def to_propose(user: Any) -> list[DecisionList]:
    """Lists in preparation, every dossier of which the person manages: theirs to propose for release."""
    scope = territory_scope(user, [MandateRole.OFFICER], timezone.now())
    if not scope:
        return []
    lists = visible_lists(user).filter(state=DecisionListState.PREPARING)
    rows = {row.pk: row for row in lists.select_related("deliberation__jury__session__axis").order_by("created_at")}
    places = Decision.objects.filter(decision_list__in=list(rows)).order_by().distinct()
    codes = defaultdict(set)
    for pk, code in places.values_list("decision_list", "application__departement_code"):
        codes[pk].add(code)
    return [
        row
        for pk, row in rows.items()
        if codes[pk]
        and all(scope.covers(axis=row.deliberation.jury.session.axis, departement=code) for code in codes[pk])
    ]

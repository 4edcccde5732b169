"""The decision list until it is ready: prepare, edit, propose, take back, cancel."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.models import User
from applications.enums import ApplicationState
from applications.workflow import DECISIONS
from applications.workflow import WORKFLOW as APPLICATION
from calls.enums import MandateRole
from calls.models import Axis
from calls.permissions import territory_scope
from core.errors import Refused
from core.series import take_number
from jury import notifications
from jury.enums import DecisionListState, DeliberationState, Outcome
from jury.models import Decision, DecisionList, Deliberation, Opinion
from jury.permissions import judgeable, visible_lists
from jury.queries import SENT_BACK, in_another_list, is_superseded, paris_year
from jury.services.base import (
    NOT_YOURS,
    authorise,
    lock_deliberation,
    lock_list,
    lock_open_deliberations,
    note_list,
    refuse_if_tied,
)
from jury.workflow import DECISION_LIST

STALE = "Cette liste a changé depuis que vous l’avez lue. Rechargez la page et relisez-la."
NOTHING_TO_DECIDE = (
    "Aucun dossier n’attend de décision : tous figurent déjà dans une liste, ou le jury s’est prononcé "
    "de nouveau depuis."
)
OUT_OF_ORDER = (
    "Les dossiers retenus ne sont pas les premiers de la liste d’attente, ou vous ne la voyez pas en entier : "
    "indiquez pourquoi."
)


@transaction.atomic
def prepare_list(
    *,
    deliberation: Deliberation,
    title: str,
    at: datetime,
    actor: User,
    applications: Iterable[Any] | None = None,
) -> DecisionList:
    """A list from the opinions of a closed deliberation, on the dossiers that still await a decision.

    An opinion counts while the jury has given no other since: whichever meeting is asked, it is the last that is kept.
    ``applications`` (ids) restricts it; by default, all that ``actor``'s mandate covers. Raises Refused.
    """
    locked = lock_deliberation(deliberation)
    opinions = locked.opinions.filter(application__state=ApplicationState.ADMISSIBLE).exclude(is_superseded())
    if applications is not None:
        opinions = opinions.filter(application__in=list(applications))
    return _create_list(locked, title, list(opinions.select_related("application").order_by("rank", "pk")), at, actor)


@transaction.atomic
def award_from_waiting_list(
    *,
    deliberation: Deliberation,
    title: str,
    applications: Iterable[Any],
    at: datetime,
    actor: User,
    motive: str = "",
) -> DecisionList:
    """A list that awards dossiers of the waiting list, as asked. Raises Refused.

    In the order of the list without ``motive``; out of it, ``motive`` says why to those awarded and is needed.
    """
    locked = lock_deliberation(deliberation)
    wanted = {str(key) for key in applications}
    waiting = locked.opinions.filter(application__state=ApplicationState.WAITLISTED).exclude(is_superseded())
    queue = list(
        waiting.exclude(
            application__in=in_another_list(waiting.values_list("application_id", flat=True)).values("application")
        )
        .select_related("application")
        .order_by("rank", "pk")
    )
    rows = [opinion for opinion in queue if str(opinion.application_id) in wanted]
    # Whoever does not see the whole list cannot tell its order, and is told nothing of it: they always say why.
    in_order = rows == queue[: len(rows)] and not _hides_some(locked, actor)
    if rows and not in_order and not motive.strip():
        raise Refused(OUT_OF_ORDER, field="motive")
    for opinion in rows:
        opinion.outcome = Outcome.AWARDED
        opinion.amount_proposed = opinion.application.amount_requested
        opinion.motive = motive.strip() or "Retenu depuis la liste d’attente, dans son ordre."
    return _create_list(locked, title, rows, at, actor)


def _hides_some(deliberation: Deliberation, user: User) -> bool:
    """Whether a dossier of this deliberation is out of the person's sight (recusal, affiliation, territory)."""
    return deliberation.opinions.exclude(application__in=judgeable(user)).exists()


def _create_list(
    deliberation: Deliberation, title: str, opinions: list[Opinion], at: datetime, actor: User
) -> DecisionList:
    axis = deliberation.jury.session.axis
    scope = territory_scope(actor, [MandateRole.OFFICER], at)
    if not scope.covers(axis=axis):
        raise Refused(NOT_YOURS)
    if deliberation.state != DeliberationState.CLOSED:
        raise Refused("La délibération n’est pas close : la liste se prépare après elle.")
    if not title.strip():
        raise Refused("Donnez un intitulé à la liste.", field="title")
    visible = set(
        judgeable(actor).filter(pk__in=[opinion.application_id for opinion in opinions]).values_list("pk", flat=True)
    )
    busy = set(in_another_list(visible).values_list("application_id", flat=True))
    kept = [
        opinion
        for opinion in opinions
        if opinion.application_id in visible - busy
        and scope.covers(axis=axis, departement=opinion.application.departement_code)
    ]
    if not kept:
        raise Refused(NOTHING_TO_DECIDE)
    year = paris_year(at)
    decision_list = DecisionList.objects.create(
        number=f"DEC-{year}-{take_number(f'decisions:{year}'):04d}",
        deliberation=deliberation,
        title=title.strip(),
        created_at=at,
    )
    Decision.objects.bulk_create(
        Decision(
            decision_list=decision_list,
            application=opinion.application,
            outcome=opinion.outcome,
            amount_granted=opinion.amount_proposed if opinion.outcome == Outcome.AWARDED else None,
            redirected_to=opinion.redirected_to if opinion.outcome == Outcome.REDIRECTED else None,
            motive=opinion.motive,
            position=position,
        )
        for position, opinion in enumerate(kept, start=1)
    )
    data = {"number": decision_list.number, "deliberation": deliberation.pk, "count": len(kept)}
    note_list(decision_list, "created", at=at, actor=actor, data=data)
    return decision_list


@transaction.atomic
def edit_decision(
    *,
    decision: Decision,
    outcome: str,
    amount: Decimal | None,
    motive: str,
    version: int,
    at: datetime,
    actor: User,
    redirected_to: Axis | None = None,
) -> Decision:
    """Changes one decision of a list in preparation; ``version`` is that of the list shown. Raises Refused.

    The authority is not bound by the jury's opinion, but says why it departs from it.
    """
    locked = lock_list(decision.decision_list)
    authorise(DECISION_LIST, actor, locked, "mark_prepared", at)
    _refuse_unless_preparing(locked, version)
    current = Decision.objects.select_related("application").get(pk=decision.pk)
    current.decision_list = locked
    refuse_if_tied(actor, current.application, at)
    _refuse_content(current, outcome, amount, motive, redirected_to)
    _refuse_same_motive(current, outcome, amount, motive)
    before = {"outcome": current.outcome, "amount": str(current.amount_granted or "")}
    current.outcome = outcome
    current.amount_granted = amount if outcome == Outcome.AWARDED else None
    current.redirected_to = redirected_to if outcome == Outcome.REDIRECTED else None
    current.motive = motive.strip()
    current.save(update_fields=["outcome", "amount_granted", "redirected_to", "motive"])
    _next_version(locked)
    note_list(
        locked,
        "decision_edited",
        at=at,
        actor=actor,
        reason=current.motive,
        data={
            "application": str(current.application_id),
            "before": before,
            "outcome": outcome,
            "amount": str(current.amount_granted or ""),
        },
    )
    return current


def _refuse_content(
    decision: Decision, outcome: str, amount: Decimal | None, motive: str, redirected_to: Axis | None
) -> None:
    if outcome not in Outcome.values:
        raise Refused("Choisissez la décision.", field="outcome")
    if (
        outcome == Outcome.WAITLISTED
        and not decision.decision_list.deliberation.jury.session.axis.call.has_waiting_list
    ):
        raise Refused("Cet appel n’a pas de liste d’attente.", field="outcome")
    if outcome == Outcome.REDIRECTED and redirected_to is None:
        raise Refused("Indiquez le guichet vers lequel le dossier est réorienté.", field="redirected_to")
    if outcome == Outcome.AWARDED:
        if amount is None or amount <= 0:
            raise Refused("Indiquez le montant accordé.", field="amount")
        asked = decision.application.amount_requested
        if asked is not None and amount > asked:
            raise Refused("Le montant accordé dépasse l’aide demandée.", field="amount")
    opinion = decision.application.opinions.filter(deliberation=decision.decision_list.deliberation_id).first()
    differs = opinion is None or (opinion.outcome, opinion.amount_proposed) != (outcome, amount)
    if not motive.strip() and (outcome != Outcome.AWARDED or differs):
        raise Refused("Motivez cette décision : elle est défavorable, ou s’écarte de l’avis du jury.", field="motive")


def _refuse_same_motive(decision: Decision, outcome: str, amount: Decimal | None, motive: str) -> None:
    """The motive that was there explained the decision that was there: the collectivité reads it as the reason."""
    changes = (decision.outcome, decision.amount_granted) != (outcome, amount if outcome == Outcome.AWARDED else None)
    if changes and motive.strip() and motive.strip() == decision.motive:
        raise Refused(
            "Ce motif expliquait la décision d’avant : dites pourquoi elle change, la collectivité le lira. S’il vaut toujours, "
            "gardez-le et complétez-le.",
            field="motive",
        )


@transaction.atomic
def remove_decision(*, decision: Decision, reason: str, version: int, at: datetime, actor: User) -> DecisionList:
    """Takes a dossier out of a list in preparation (withdrawn, or to be decided later); ``version`` as shown.

    The dossier may go into another list. Raises Refused without a reason.
    """
    locked = lock_list(decision.decision_list)
    authorise(DECISION_LIST, actor, locked, "mark_prepared", at)
    _refuse_unless_preparing(locked, version)
    current = locked.decisions.select_related("application").get(pk=decision.pk)
    refuse_if_tied(actor, current.application, at)
    if not reason.strip():
        raise Refused("Indiquez pourquoi ce dossier sort de la liste.", field="reason")
    data = {
        "application": str(current.application_id),
        "outcome": current.outcome,
        "amount": str(current.amount_granted or ""),
    }
    current.delete()
    _next_version(locked)
    note_list(locked, "decision_removed", at=at, actor=actor, reason=reason.strip(), data=data)
    return locked


def undecidable(decisions: Iterable[Decision], at: datetime) -> str:
    """Names the dossiers that no longer await the decision written for them (withdrawn, decided elsewhere); else empty."""
    gone = [
        f"{decision.application.number} ({decision.application.get_state_display()})"
        for decision in decisions
        if APPLICATION.obstacle(decision.application, DECISIONS[decision.outcome], at)
    ]
    if not gone:
        return ""
    return f"N’attendent plus cette décision : {', '.join(gone)}. Le gestionnaire reprend la liste et les en retire."


def superseded(decision_list: DecisionList) -> str:
    """Names the dossiers of which the jury has spoken again since the meeting that this list comes from: what was
    decided on stands no more. Else empty."""
    rows = decision_list.decisions.filter(is_superseded("decision_list__deliberation")).select_related("application")
    again = [decision.application.number or "" for decision in rows.order_by("position", "pk")]
    if not again:
        return ""
    return (
        f"Le jury s’est prononcé de nouveau depuis sur : {', '.join(again)}. Le gestionnaire reprend la liste, les "
        "en retire et prépare une liste d’après la dernière séance."
    )


def refuse_stale_decisions(decision_list: DecisionList, decisions: Iterable[Decision], at: datetime) -> None:
    """Raises Refused for what :func:`undecidable` and :func:`superseded` find. Waits for whoever is closing a meeting."""
    if obstacle := undecidable(decisions, at):
        raise Refused(obstacle)
    lock_open_deliberations(decision_list.deliberation.jury)
    if obstacle := superseded(decision_list):
        raise Refused(obstacle)


@transaction.atomic
def mark_prepared(*, decision_list: DecisionList, version: int, at: datetime, actor: User) -> DecisionList:
    """Proposes the list for release; from then on it does not change unless taken back. Raises Refused."""
    locked = lock_list(decision_list)
    authorise(DECISION_LIST, actor, locked, "mark_prepared", at)
    DECISION_LIST.check(locked, "mark_prepared", at)
    _refuse_unless_preparing(locked, version)
    refuse_stale_decisions(locked, locked.decisions.select_related("application").order_by("position", "pk"), at)
    locked.mark_prepared()
    locked.prepared_at = at
    locked.prepared_by = actor
    locked.version += 1
    locked.save(update_fields=["state", "prepared_at", "prepared_by", "version"])
    note_list(locked, "prepared", at=at, actor=actor, from_state=DecisionListState.PREPARING, to_state=locked.state)
    return locked


@transaction.atomic
def reopen_list(*, decision_list: DecisionList, at: datetime, actor: User) -> DecisionList:
    """Takes a proposed list back into preparation. Raises Refused."""
    locked = lock_list(decision_list)
    authorise(DECISION_LIST, actor, locked, "reopen", at)
    DECISION_LIST.check(locked, "reopen", at)
    locked.reopen()
    _next_version(locked)
    note_list(locked, "reopened", at=at, actor=actor, from_state=DecisionListState.PREPARED, to_state=locked.state)
    return locked


@transaction.atomic
def send_back_list(
    *, decision_list: DecisionList, reason: str, version: int, at: datetime, actor: User
) -> DecisionList:
    """The second person gives a proposed list back to whoever prepared it, told why by mail; ``version`` is that of the
    list read. Raises Refused."""
    locked = lock_list(decision_list)
    authorise(DECISION_LIST, actor, locked, "send_back", at)
    if not visible_lists(actor).filter(pk=locked.pk).exists():
        raise Refused(NOT_YOURS)
    DECISION_LIST.check(locked, "send_back", at)
    if locked.version != version:
        raise Refused(STALE, field="version")
    if not reason.strip():
        raise Refused("Dites ce qui est à revoir : la personne qui prépare la liste le lira.", field="reason")
    locked.send_back()
    _next_version(locked)
    note_list(
        locked,
        SENT_BACK,
        at=at,
        actor=actor,
        from_state=DecisionListState.PREPARED,
        to_state=locked.state,
        reason=reason.strip(),
    )
    # Whoever left a dossier of the list since then no longer sees the list, nor what is said of it.
    if locked.prepared_by is not None and visible_lists(locked.prepared_by).filter(pk=locked.pk).exists():
        notifications.sent_back(locked, locked.prepared_by, actor)
    return locked


@transaction.atomic
def cancel_list(*, decision_list: DecisionList, reason: str, at: datetime, actor: User) -> DecisionList:
    """Gives a list up for good, with a reason; its dossiers may go into another one. Raises Refused."""
    locked = lock_list(decision_list)
    authorise(DECISION_LIST, actor, locked, "cancel", at)
    DECISION_LIST.check(locked, "cancel", at)
    if not reason.strip():
        raise Refused("Indiquez pourquoi vous annulez cette liste.", field="reason")
    before = locked.state
    locked.cancel()
    locked.version += 1
    locked.save(update_fields=["state", "version"])
    note_list(locked, "cancelled", at=at, actor=actor, from_state=before, to_state=locked.state, reason=reason.strip())
    return locked


def _refuse_unless_preparing(decision_list: DecisionList, version: int) -> None:
    if decision_list.state != DecisionListState.PREPARING:
        raise Refused("Cette liste n’est plus en préparation.")
    if decision_list.version != version:
        raise Refused(STALE, field="version")


def _next_version(decision_list: DecisionList) -> None:
    decision_list.version += 1
    decision_list.save(update_fields=["state", "version"])

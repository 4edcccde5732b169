"""Releasing a list: money, decisions, mails and conventions in one transaction, or nothing."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts import confirmations
from accounts.models import Confirmation, User
from applications.models import Application
from applications.services import decide
from budget.models import LedgerEntry
from budget.services import Award, reserve_many
from core.errors import Refused
from core.idempotency import idempotent
from core.journal import record
from core.models import JournalEntry
from core.money import amount_text
from jury import notifications
from jury.conflicts import affiliated_pairs
from jury.enums import Outcome
from jury.models import Decision, DecisionList
from jury.queries import SENT_BACK, award_key, total_granted
from jury.services.base import NOT_YOURS, authorise, lock_list, note_list
from jury.services.decisions import refuse_stale_decisions, superseded, undecidable
from jury.workflow import DECISION_LIST, needs_second_person

ACT = "jury.release_list"

# Rooms above add what follows a release, called in order inside its transaction with keywords ``decision_list``,
# ``decisions`` (the awards), ``reservations`` (application id → LedgerEntry), ``at`` and ``actor``. One that raises
# stops the release.
ReleaseHook = Callable[..., object]
after_release: list[ReleaseHook] = []

CHANGED = (
    "La liste a changé depuis que vous l’avez lue et confirmée : rien n’est libéré. Relisez-la et confirmez de nouveau."
)
SAME_PERSON = (
    "Vous avez participé à la préparation de cette liste : au-dessus du seuil de l’appel, une autre personne la libère."
)

OWN_DOSSIER = (
    "Vous êtes rattaché à une collectivité dont un dossier figure sur cette liste : une autre personne la libère."
)


def list_content(decision_list: DecisionList) -> dict[str, Any]:
    """What the releaser reads and confirms: number, version, each dossier with its decision, amounts as text."""
    decisions = decision_list.decisions.select_related("application", "redirected_to").order_by("position", "pk")
    rows = list(decisions)
    return {
        "list": str(decision_list.pk),
        "number": decision_list.number or "",
        "version": decision_list.version,
        "total": amount_text(total_granted(rows)),
        "decisions": [
            {
                "application": str(row.application_id),
                "number": row.application.number or "",
                "outcome": row.outcome,
                "amount": "" if row.amount_granted is None else amount_text(row.amount_granted),
                "redirected_to": row.redirected_to.code if row.redirected_to else "",
                "motive": row.motive,
            }
            for row in rows
        ],
    }


def list_digest(decision_list: DecisionList) -> str:
    """SHA-256 of what the releaser reads; the confirmation is bound to it."""
    return confirmations.content_digest(list_content(decision_list))


@transaction.atomic
def release_list(
    *, decision_list: DecisionList, user: User, at: datetime, key: str, confirmation: Confirmation
) -> DecisionList:
    """Releases a prepared list: reserves the money of all awards or none, gives each dossier its outcome, queues the
    mails with reasons and routes of appeal, and calls ``after_release``; all in this transaction.

    ``confirmation`` is the person's fresh second factor on ``ACT`` and :func:`list_digest`, spent here. Raises
    Refused, having changed nothing: not prepared, same person above the threshold, a person who acts for an applicant
    of the list, list changed since, a dossier of which the jury has spoken again, an envelope too short (the sentence
    says how much is left in which one). The same ``key`` again gives the same list.
    """
    content = {"list": decision_list.pk, "sha256": confirmation.content_sha256}
    with idempotent(key=key, act=ACT, actor=user, content=content) as command:
        if command.is_replay:
            return DecisionList.objects.get(pk=command.answer["list"])
        locked = lock_list(decision_list)
        authorise(DECISION_LIST, user, locked, "release", at)
        DECISION_LIST.check(locked, "release", at)
        decisions = list(
            locked.decisions.select_related("application__created_by", "redirected_to").order_by("position", "pk")
        )
        _refuse_own_work(locked, decisions, user)
        _refuse_hidden(decisions, user)
        _refuse_affiliated(decisions, user, at)
        refuse_stale_decisions(locked, decisions, at)
        digest = list_digest(locked)
        if digest != confirmation.content_sha256:
            raise Refused(CHANGED, field="confirmation_code")
        confirmations.consume(user=user, act=ACT, content_sha256=digest, at=at)
        locked.release()
        locked.released_at = at
        locked.released_by = user
        locked.save(update_fields=["state", "released_at", "released_by"])
        reservations = _reserve(locked, decisions, at, user)
        _decide(locked, decisions, at, user)
        _journal(locked, decisions, digest, at, user)
        awards = [decision for decision in decisions if decision.outcome == Outcome.AWARDED]
        for hook in after_release:
            hook(decision_list=locked, decisions=awards, reservations=reservations, at=at, actor=user)
        command.answer = {"list": str(locked.pk), "sha256": digest}
    return locked


def release_obstacle(*, decision_list: DecisionList, at: datetime) -> str:
    """What stops the release whatever the code: said before the person confirms. Empty when nothing does."""
    decisions = decision_list.decisions.select_related("application").order_by("position", "pk")
    return undecidable(decisions, at) or superseded(decision_list)


def is_own_work(decision_list: DecisionList, decisions: list[Decision], user: User) -> bool:
    """Whether the person created, edited or proposed the list, as its chain tells, and its total asks for another to
    release it. Sending it back prepares nothing: whoever asked for a change still releases what comes of it."""
    if not needs_second_person(decision_list, decisions):
        return False
    touched = JournalEntry.objects.filter(chain=f"decision-list:{decision_list.pk}", actor_id=user.pk)
    touched = touched.exclude(action=f"decision_list.{SENT_BACK}")
    return decision_list.prepared_by_id == user.pk or touched.exists()


def _refuse_own_work(decision_list: DecisionList, decisions: list[Decision], user: User) -> None:
    if is_own_work(decision_list, decisions, user):
        raise Refused(SAME_PERSON)


def _refuse_hidden(decisions: list[Decision], user: User) -> None:
    """Nobody decides on a dossier they may not see."""
    keys = [decision.application_id for decision in decisions]
    if Application.objects.visible_to(user).filter(pk__in=keys).count() != len(keys):
        raise Refused(NOT_YOURS)


def _refuse_affiliated(decisions: list[Decision], user: User, at: datetime) -> None:
    """Nobody decides, either way, on the dossier of a collectivité they act for."""
    if affiliated_pairs([user.pk], [decision.application_id for decision in decisions], at):
        raise Refused(OWN_DOSSIER)


def _reserve(
    decision_list: DecisionList, decisions: list[Decision], at: datetime, user: User
) -> dict[Any, LedgerEntry]:
    awards = [
        Award(
            application=decision.application,
            amount=decision.amount_granted,
            key=award_key(decision),
            reference=decision_list.number or "",
            reason="",
        )
        for decision in decisions
        if decision.outcome == Outcome.AWARDED and decision.amount_granted is not None
    ]
    if not awards:
        return {}
    entries = reserve_many(awards=awards, at=at, actor=user)
    return {award.application.pk: entry for award, entry in zip(awards, entries, strict=True)}


def _decide(decision_list: DecisionList, decisions: list[Decision], at: datetime, user: User) -> None:
    """Dossiers in the order of their ids: two releases never wait for each other crosswise."""
    for decision in sorted(decisions, key=lambda row: row.application_id):
        amount = "" if decision.amount_granted is None else amount_text(decision.amount_granted)
        decision.application = decide(
            application=decision.application,
            outcome=decision.outcome,
            at=at,
            actor=user,
            reason=decision.motive,
            data={"decision_list": str(decision_list.pk), "decision": decision.pk, "amount": amount},
        )
        notifications.decided(decision, decision_list)


def _journal(decision_list: DecisionList, decisions: list[Decision], digest: str, at: datetime, user: User) -> None:
    data = {
        "list": str(decision_list.pk),
        "number": decision_list.number,
        "sha256": digest,
        "total": amount_text(total_granted(decisions)),
        "decisions": len(decisions),
    }
    note_list(decision_list, "released", at=at, actor=user, to_state=decision_list.state, data=data)
    call = decision_list.deliberation.jury.session.axis.call
    record(chain=f"call:{call.code}", action="decision_list.released", at=at, actor=user, data=data)

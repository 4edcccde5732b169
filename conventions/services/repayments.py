"""Asking for money back: notified with its reasons, answered, then decided, then received. Never in another order.

Décret 2018-514, art. 14 (the three cases); CRPA L122-1 and L211-2 (the other side heard, the decision reasoned).
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from dateutil.relativedelta import relativedelta
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.confirmations import consume
from budget.services import record_repayment as record_ledger_repayment
from conventions.enums import ConventionState
from conventions.models import Convention, Repayment
from conventions.notifications import (
    tell_repayment_answered,
    tell_repayment_decided,
    tell_repayment_notified,
    tell_repayment_received,
)
from conventions.roles import is_beneficiary, is_officer
from core.errors import Refused
from core.idempotency import content_digest, idempotent
from core.journal import record
from core.money import NBSP, amount_text, euros
from core.templatetags.guichet import paris_date

if TYPE_CHECKING:
    from accounts.models import User

DECIDE_ACT = "convention.decide_repayment"
# Article 15 of the convention: at least one month to answer, counted on the calendar.
TIME_TO_ANSWER = relativedelta(months=1)
NOT_OFFICER = "Seul un gestionnaire du ministère conduit une procédure de reversement."

# A year typed wrong would hold the procedure for as long: nothing is decided before the answer is due.
LONGEST_NOTICE = timedelta(days=180)


def returnable(convention: Convention) -> Decimal:
    """What may still be asked back, in euros: what was paid, less what earlier decisions already claim."""
    paid = convention.amount if convention.state == ConventionState.PAID else Decimal(0)
    claimed = convention.repayments.aggregate(total=Sum("amount_decided"))["total"] or Decimal(0)
    return paid - claimed


def first_due_day(at: datetime) -> date:
    """The earliest day until which an answer may be asked, notified at ``at``: the same day of the next month in Paris,
    or its last day when that month is shorter."""
    return timezone.localtime(at).date() + TIME_TO_ANSWER


def notify_repayment(
    *,
    convention: Convention,
    user: "User",
    at: datetime,
    key: str,
    ground: str,
    amount: Decimal,
    reason: str,
    answer_due_on: date,
) -> Repayment:
    """Tells the beneficiary what is intended and why, and until when it may answer (end of that day, Paris time).

    Raises Refused: not an officer, nothing paid, more than was paid, less than a month to answer, a procedure
    already open.
    """
    content = {
        "convention": convention.pk,
        "ground": ground,
        "amount": amount_text(amount),
        "reason": reason,
        "due": answer_due_on,
    }
    due_at = timezone.make_aware(datetime.combine(answer_due_on, datetime.max.time().replace(microsecond=0)))
    with (
        transaction.atomic(),
        idempotent(key=key, act="convention.notify_repayment", actor=user, content=content) as command,
    ):
        if command.is_replay:
            return Repayment.objects.get(pk=command.answer["repayment"])
        locked = _lock(convention)
        if not is_officer(user, locked, at):
            raise Refused(NOT_OFFICER)
        check_notice(locked, amount, answer_due_on, at)
        repayment = Repayment.objects.create(
            convention=locked, ground=ground, amount=amount, reason=reason, notified_at=at, answer_due_at=due_at
        )
        _note(repayment, "notified", user, at, reason=reason, amount=amount)
        tell_repayment_notified(locked, repayment)
        command.answer = {"repayment": repayment.pk}
    return repayment


def check_notice(convention: Convention, amount: Decimal, answer_due_on: date, at: datetime) -> None:
    """Raises Refused where a notice could not be given at ``at``; the amount is in euros."""
    left = returnable(convention)
    if convention.state != ConventionState.PAID or left <= 0:
        raise Refused("Il n’y a rien à reverser : aucune somme versée ne peut être redemandée.")
    if amount > left:
        raise Refused(f"Au plus {euros(left)} peuvent être redemandés sur cette convention.", field="amount")
    if answer_due_on < (first := first_due_day(at)):
        raise Refused(
            f"La collectivité dispose d’au moins un mois pour répondre{NBSP}: choisissez le {paris_date(first)} ou un "
            "jour suivant.",
            field="answer_due_on",
        )
    if answer_due_on > (last := timezone.localdate(at) + LONGEST_NOTICE):
        raise Refused(
            f"La collectivité attendrait trop longtemps{NBSP}: choisissez au plus tard le {paris_date(last)}.",
            field="answer_due_on",
        )
    if convention.repayments.filter(decided_at__isnull=True).exists():
        raise Refused("Une procédure de reversement est déjà en cours sur cette convention.")


def answer_repayment(*, repayment: Repayment, user: "User", at: datetime, key: str, answer: str) -> Repayment:
    """The beneficiary's observations, once, until the decision is taken."""
    content = {"repayment": repayment.pk, "answer": answer}
    with (
        transaction.atomic(),
        idempotent(key=key, act="convention.answer_repayment", actor=user, content=content) as command,
    ):
        if command.is_replay:
            return Repayment.objects.get(pk=command.answer["repayment"])
        locked = _lock_repayment(repayment)
        if not is_beneficiary(user, locked.convention, at):
            raise Refused("Ces observations sont celles de la collectivité bénéficiaire.")
        if locked.decided_at is not None:
            raise Refused("La décision est prise : il n’est plus temps d’envoyer des observations.")
        if locked.answered_at is not None:
            raise Refused("Des observations ont déjà été envoyées. Pour les compléter, écrivez au service.")
        locked.answer, locked.answered_at = answer, at
        locked.save(update_fields=["answer", "answered_at"])
        _note(locked, "answered", user, at)
        tell_repayment_answered(locked.convention, locked)
        command.answer = {"repayment": locked.pk}
    return locked


def what_is_decided(repayment: Repayment, *, amount: Decimal, reason: str) -> str:
    """SHA-256 of the decision as shown to the officer who confirms it."""
    return content_digest(
        {
            "repayment": repayment.pk,
            "convention": repayment.convention.number,
            "amount": amount_text(amount),
            "reason": reason,
        }
    )


def decide_repayment(
    *, repayment: Repayment, user: "User", at: datetime, key: str, amount: Decimal, reason: str
) -> Repayment:
    """Decides what is to be returned, in euros: at most what was notified, zero to give the claim up.

    Raises Refused before the answer or the end of the time to answer, unless it is zero (only a decision against the
    collectivité needs it heard, CRPA L121-1), and without the officer's confirmation.
    """
    digest = what_is_decided(repayment, amount=amount, reason=reason)
    with transaction.atomic(), idempotent(key=key, act=DECIDE_ACT, actor=user, content={"sha256": digest}) as command:
        if command.is_replay:
            return Repayment.objects.get(pk=command.answer["repayment"])
        locked = _lock_repayment(repayment)
        if not is_officer(user, locked.convention, at):
            raise Refused(NOT_OFFICER)
        if locked.decided_at is not None:
            raise Refused("La décision est déjà prise.")
        if amount and not locked.may_be_decided(at):
            raise Refused(
                "La collectivité n’a pas encore répondu et son délai court toujours : la décision ne peut pas "
                "être prise sans l’avoir entendue."
            )
        if amount > locked.amount:
            raise Refused(
                f"Le montant notifié est de {euros(locked.amount)} : il ne peut pas être dépassé.", field="amount"
            )
        consume(user=user, act=DECIDE_ACT, content_sha256=digest, at=at)
        locked.decided_at, locked.amount_decided, locked.decision_reason = at, amount, reason
        locked.save(update_fields=["decided_at", "amount_decided", "decision_reason"])
        _note(locked, "decided", user, at, reason=reason, amount=amount)
        tell_repayment_decided(locked.convention, locked)
        command.answer = {"repayment": locked.pk}
    return locked


def record_return(
    *, repayment: Repayment, user: "User", at: datetime, key: str, received_on: date, reference: str
) -> Repayment:
    """Records that the money came back: the ledger's paid amount goes down by what was decided, in the year of
    ``received_on``."""
    content = {"repayment": repayment.pk, "received_on": received_on, "reference": reference}
    with (
        transaction.atomic(),
        idempotent(key=key, act="convention.record_return", actor=user, content=content) as command,
    ):
        if command.is_replay:
            return Repayment.objects.get(pk=command.answer["repayment"])
        locked = _lock_repayment(repayment)
        if not is_officer(user, locked.convention, at):
            raise Refused(NOT_OFFICER)
        if not locked.amount_decided or locked.decided_at is None:
            raise Refused("Aucun reversement n’a été décidé.")
        if locked.ledger_entry_id is not None:
            raise Refused("Ce reversement est déjà encaissé.")
        if not timezone.localtime(locked.decided_at).date() <= received_on <= timezone.localtime(at).date():
            raise Refused("L’encaissement suit la décision et ne peut pas être dans le futur.", field="received_on")
        locked.ledger_entry = record_ledger_repayment(
            application=locked.convention.application,
            amount=locked.amount_decided,
            at=at,
            actor=user,
            key=f"repayment:{locked.pk}",
            reason="Reversement décidé après procédure contradictoire",
            reference=reference,
            year=received_on.year,
        )
        locked.received_on = received_on
        locked.save(update_fields=["ledger_entry", "received_on"])
        _note(locked, "received", user, at, amount=locked.amount_decided)
        tell_repayment_received(locked.convention, locked)
        command.answer = {"repayment": locked.pk}
    return locked


def _lock(convention: Convention) -> Convention:
    return Convention.objects.select_for_update(of=("self",)).select_related("application").get(pk=convention.pk)


def _lock_repayment(repayment: Repayment) -> Repayment:
    """The convention first, as everywhere: one order of locks."""
    convention = _lock(repayment.convention)
    locked = Repayment.objects.select_for_update(of=("self",)).get(pk=repayment.pk)
    locked.convention = convention
    return locked


def _note(
    repayment: Repayment,
    step: str,
    user: "User",
    at: datetime,
    *,
    reason: str = "",
    amount: Decimal | None = None,
) -> None:
    record(
        chain=repayment.convention.chain(),
        action=f"convention.repayment_{step}",
        at=at,
        actor=user,
        reason=reason,
        data={
            "repayment": repayment.pk,
            "ground": repayment.ground,
            "amount": None if amount is None else amount_text(amount),
            "entry": str(repayment.ledger_entry_id) if repayment.ledger_entry_id else None,
        },
    )

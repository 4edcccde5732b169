"""The single payment of a convention, recorded once."""

from datetime import date, datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from accounts.confirmations import consume
from budget.services import record_payment as record_ledger_payment
from conventions.models import Convention, Payment
from conventions.notifications import tell_paid
from conventions.workflow import CONVENTION
from core.errors import Refused
from core.idempotency import content_digest, idempotent
from core.journal import record
from core.money import amount_text

if TYPE_CHECKING:
    from accounts.models import User

PAY_ACT = "convention.pay"


def what_is_paid(convention: Convention, *, service_done_on: date, paid_on: date, reference: str) -> str:
    """SHA-256 of the payment as shown to the officer who confirms it."""
    return content_digest(
        {
            "convention": convention.number,
            "amount": amount_text(convention.amount),
            "service_done_on": service_done_on.isoformat(),
            "paid_on": paid_on.isoformat(),
            "reference": reference,
        }
    )


def record_payment(
    *,
    convention: Convention,
    user: "User",
    at: datetime,
    key: str,
    service_done_on: date,
    paid_on: date,
    reference: str,
) -> Payment:
    """Records that the whole amount was paid, against the credits of payment of the year of ``paid_on``.

    Raises Refused: not signed, already paid, dates out of order, credits exhausted, or not confirmed.
    """
    digest = what_is_paid(convention, service_done_on=service_done_on, paid_on=paid_on, reference=reference)
    with transaction.atomic(), idempotent(key=key, act=PAY_ACT, actor=user, content={"payment": digest}) as command:
        if command.is_replay:
            return Payment.objects.get(pk=command.answer["payment"])
        locked = Convention.objects.select_for_update(of=("self",)).select_related("application").get(pk=convention.pk)
        CONVENTION.check(locked, "pay", at)
        if not CONVENTION.holds(user, locked, "pay", at):
            raise Refused("Seul un gestionnaire du ministère enregistre un versement.")
        check_dates(convention=locked, service_done_on=service_done_on, paid_on=paid_on, at=at)
        consume(user=user, act=PAY_ACT, content_sha256=digest, at=at)
        entry = record_ledger_payment(
            application=locked.application,
            amount=locked.amount,
            at=at,
            year=paid_on.year,
            actor=user,
            key=f"pay:{locked.pk}",
            reference=reference,
        )
        payment = Payment.objects.create(
            convention=locked,
            ledger_entry=entry,
            amount=locked.amount,
            service_done_on=service_done_on,
            paid_on=paid_on,
            reference=reference,
            recorded_at=at,
            recorded_by=user,
        )
        _journal(locked, payment, user, at)
        tell_paid(locked, payment)
        command.answer = {"payment": payment.pk}
    return payment


def _journal(convention: Convention, payment: Payment, user: "User", at: datetime) -> None:
    """The convention is paid, and its chain says so."""
    from_state = convention.state
    convention.pay()
    convention.save(update_fields=["state"])
    record(
        chain=convention.chain(),
        action="convention.pay",
        at=at,
        actor=user,
        from_state=from_state,
        to_state=convention.state,
        data={
            "amount": amount_text(payment.amount),
            "entry": str(payment.ledger_entry_id),
            "reference": payment.reference,
        },
    )


def check_dates(*, convention: Convention, service_done_on: date, paid_on: date, at: datetime) -> None:
    today = timezone.localtime(at).date()
    if convention.signed_at and service_done_on < timezone.localtime(convention.signed_at).date():
        raise Refused("Le service fait ne peut pas précéder la signature de la convention.", field="service_done_on")
    if paid_on < service_done_on:
        raise Refused("Le versement ne peut pas précéder le service fait.", field="paid_on")
    if paid_on > today:
        raise Refused("La date du versement est dans le futur.", field="paid_on")

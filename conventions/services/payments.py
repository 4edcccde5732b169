"""The single payment of a convention, recorded once."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.confirmations import consume
from budget.queries import payment_credits_left
from budget.refusals import credits_sentence
from budget.services import record_payment as record_ledger_payment
from conventions.models import Convention, Payment
from conventions.notifications import tell_paid
from conventions.workflow import CONVENTION
from core.errors import Refused
from core.idempotency import content_digest, idempotent
from core.journal import record
from core.money import amount_text
from core.templatetags.guichet import paris_date

if TYPE_CHECKING:
    from accounts.models import User

PAY_ACT = "convention.pay"
REFERENCE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 ./_-]*[A-Za-z0-9])?")
REFERENCE_LENGTH = 40
REFERENCE_FORM = (
    f"Ce numéro ne peut contenir que des lettres sans accent, des chiffres, des espaces et les signes - / . _, "
    f"{REFERENCE_LENGTH} au plus, et commence et finit par une lettre ou un chiffre."
)
REFERENCE_TAKEN = "Ce numéro est déjà celui d’un autre versement de cet appel. Vérifiez-le dans Chorus."


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

    Raises Refused: not signed, already paid, dates out of order, a reference that is not one or serves another payment
    of the call, credits exhausted, or not confirmed.
    """
    digest = what_is_paid(convention, service_done_on=service_done_on, paid_on=paid_on, reference=reference)
    with transaction.atomic(), idempotent(key=key, act=PAY_ACT, actor=user, content={"payment": digest}) as command:
        if command.is_replay:
            return Payment.objects.get(pk=command.answer["payment"])
        locked = (
            Convention.objects.select_for_update(of=("self",)).select_related("application__call").get(pk=convention.pk)
        )
        CONVENTION.check(locked, "pay", at)
        if not CONVENTION.holds(user, locked, "pay", at):
            raise Refused("Seul un gestionnaire du ministère enregistre un versement.")
        for refusal in refusals_of(
            convention=locked, at=at, service_done_on=service_done_on, paid_on=paid_on, reference=reference
        ):
            raise refusal
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
        payment = _stored(
            Payment(
                convention=locked,
                call_id=locked.application.call_id,
                ledger_entry=entry,
                amount=locked.amount,
                service_done_on=service_done_on,
                paid_on=paid_on,
                reference=reference,
                recorded_at=at,
                recorded_by=user,
            )
        )
        _journal(locked, payment, user, at)
        tell_paid(locked, payment)
        command.answer = {"payment": payment.pk}
    return payment


def _stored(payment: Payment) -> Payment:
    """Stored, unless another payment took the reference since it was looked for: the database judges last."""
    try:
        with transaction.atomic():
            payment.save(force_insert=True)
    except IntegrityError as error:
        rule = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "")
        if rule != "conventions_payment_reference_once":
            raise
        raise Refused(REFERENCE_TAKEN, field="reference") from error
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


def refusals_of(
    *,
    convention: Convention,
    at: datetime,
    service_done_on: date | None = None,
    paid_on: date | None = None,
    reference: str | None = None,
) -> list[Refused]:
    """Everything that stops this payment, each at its field; what is not given yet is not judged."""
    found = [*_of_the_dates(convention, service_done_on, paid_on, at), *_of_the_reference(convention, reference)]
    if paid_on is not None and all(refusal.field != "paid_on" for refusal in found):
        left = payment_credits_left(convention.application.call, paid_on.year)
        if left < convention.amount:
            found.append(Refused(credits_sentence(left, convention.amount, paid_on.year), field="paid_on"))
    return found


def _of_the_dates(
    convention: Convention, service_done_on: date | None, paid_on: date | None, at: datetime
) -> Iterator[Refused]:
    today, signed_at = timezone.localtime(at).date(), convention.signed_at
    if service_done_on and signed_at and service_done_on < timezone.localtime(signed_at).date():
        signed_on = paris_date(signed_at)
        yield Refused(
            f"Le service fait ne peut pas précéder la signature de la convention, le {signed_on}.",
            field="service_done_on",
        )
    if service_done_on and service_done_on > today:
        yield Refused("La date du service fait est dans le futur.", field="service_done_on")
    if paid_on and paid_on > today:
        yield Refused("La date du versement est dans le futur.", field="paid_on")
    elif paid_on and service_done_on and paid_on < service_done_on <= today:
        yield Refused("Le versement ne peut pas précéder le service fait.", field="paid_on")


def _of_the_reference(convention: Convention, reference: str | None) -> Iterator[Refused]:
    if reference is None:
        return
    if len(reference) > REFERENCE_LENGTH or not REFERENCE.fullmatch(reference):
        yield Refused(REFERENCE_FORM, field="reference")
    elif _letters_and_digits(reference) == _letters_and_digits(convention.commitment_number):
        yield Refused(
            "Ce numéro est celui de l’engagement (EJ) de la convention. Recopiez celui de la demande de paiement.",
            field="reference",
        )
    elif (
        Payment.objects.filter(call=convention.application.call_id, reference__iexact=reference)
        .exclude(convention=convention)
        .exists()
    ):
        yield Refused(REFERENCE_TAKEN, field="reference")


def _letters_and_digits(text: str) -> str:
    """A number however it is cut: « EJ 2022 000025 » is EJ-2022-000025."""
    return "".join(filter(str.isalnum, text)).upper()

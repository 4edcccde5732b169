"""What may be done with the money: one function per verb, all in euros, all through the ledger.

Each takes ``key``: the same key with the same content gives the same entry, with another content raises
``core.idempotency.KeyReused``. ``at`` is the instant of the act; the budget year is its year in Europe/Paris.
Each raises ``core.errors.Refused`` with a French sentence when the ledger does not allow it, having changed nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum

from accounts.models import User
from applications.models import Application
from budget.enums import CreditKind, Movement
from budget.envelopes import envelope_for
from budget.models import AwardBalance, Balance, Envelope, LedgerEntry, PaymentCredit
from budget.posting import Posting, lock_balances, positive, post
from core.errors import Refused
from core.money import euros


@dataclass(frozen=True)
class Award:
    """One aid to reserve: ``amount`` in euros; the envelope follows from the dossier unless named."""

    application: Application
    amount: Decimal
    key: str
    envelope: Envelope | None = None
    reference: str = ""
    reason: str = ""


def allocate(
    *,
    envelope: Envelope,
    amount: Decimal,
    at: datetime,
    actor: User | None,
    key: str,
    reference: str = "",
    reason: str = "",
) -> LedgerEntry:
    """Opens commitment authorisations (AE) on the envelope of a whole call."""
    posting = Posting(envelope, Movement.ALLOCATE, positive(amount), key, reference=reference, reason=reason)
    return post(postings=[posting], at=at, actor=actor)[0]


def open_payment_credits(
    *,
    envelope: Envelope,
    year: int,
    amount: Decimal,
    at: datetime,
    actor: User | None,
    key: str,
    reference: str = "",
    reason: str = "",
) -> LedgerEntry:
    """Opens payment credits (CP) of one year on the envelope of a whole call.

    Never more than what the call may still pay in that year: its commitment authorisations, less what other years paid
    and what this year has opened. Unpaid credits of a past year may so be opened again (LOLF, art. 8).
    """
    posting = Posting(
        envelope,
        Movement.ALLOCATE,
        positive(amount),
        key,
        credit_kind=CreditKind.CP,
        year=year,
        reference=reference,
        reason=reason,
    )
    with transaction.atomic():
        lock_balances([envelope.pk])
        # The same command sent twice is answered by the ledger, which knows its key.
        if not LedgerEntry.objects.filter(idempotency_key=key).exists():
            _refuse_credits_beyond_the_call(envelope, year, posting.amount)
        return post(postings=[posting], at=at, actor=actor)[0]


def _refuse_credits_beyond_the_call(root: Envelope, year: int, amount: Decimal) -> None:
    room = Balance.objects.get(envelope=root).allocated
    for row in PaymentCredit.objects.filter(envelope=root):
        room -= row.opened if row.year == year else row.paid
    if amount > room:
        raise Refused(
            f"Il reste au plus {euros(max(room, Decimal(0)))} à ouvrir pour {year} : les crédits de paiement ne dépassent "
            "pas l’enveloppe de l’appel, moins ce qui est déjà versé ou déjà ouvert.",
            field="amount",
        )


def delegate(
    *,
    parent: Envelope,
    child: Envelope,
    amount: Decimal,
    at: datetime,
    actor: User | None,
    key: str,
    reference: str = "",
    reason: str = "",
) -> LedgerEntry:
    """Moves commitment authorisations from an envelope to one of its children."""
    posting = Posting(
        parent,
        Movement.DELEGATE,
        positive(amount),
        key,
        counterpart=child,
        reference=reference,
        reason=reason,
        asks="cette délégation demande",
    )
    return post(postings=[posting], at=at, actor=actor)[0]


def reserve(
    *,
    application: Application,
    amount: Decimal,
    at: datetime,
    actor: User | None,
    key: str,
    envelope: Envelope | None = None,
    reference: str = "",
    reason: str = "",
) -> LedgerEntry:
    """Holds an aid for one dossier, on the envelope named or the dossier's own."""
    award = Award(application, amount, key, envelope, reference, reason)
    return reserve_many(awards=[award], at=at, actor=actor)[0]


def reserve_many(*, awards: Sequence[Award], at: datetime, actor: User | None) -> list[LedgerEntry]:
    """Holds every aid of a list, or none: one sentence per envelope that is short. Same order as ``awards``."""
    asks = "ce dossier demande" if len(awards) == 1 else "cette liste demande"
    known: dict[tuple[int, str], Envelope] = {}
    postings = []
    for award in awards:
        envelope = award.envelope
        if envelope is None:
            place = (award.application.axis_id, award.application.departement_code)
            envelope = known[place] = known.get(place) or envelope_for(award.application)
        postings.append(
            Posting(
                envelope,
                Movement.RESERVE,
                positive(award.amount),
                award.key,
                application=award.application,
                reference=award.reference,
                reason=award.reason,
                asks=asks,
            )
        )
    return post(postings=postings, at=at, actor=actor)


def release(
    *,
    reservation: LedgerEntry,
    at: datetime,
    actor: User | None,
    key: str,
    reason: str,
    amount: Decimal | None = None,
) -> LedgerEntry:
    """Gives back a reservation, wholly unless ``amount`` says less; what is already committed cannot be."""
    return _reverse(reservation, Movement.RESERVE, amount, at, actor, key, reason)


def commit(
    *, application: Application, amount: Decimal, at: datetime, actor: User | None, key: str, reference: str = ""
) -> LedgerEntry:
    """Turns what is reserved for a dossier into a commitment; ``reference`` is the number of the engagement (EJ)."""
    posting = Posting(
        _envelope_of(application),
        Movement.COMMIT,
        positive(amount),
        key,
        application=application,
        reference=reference,
    )
    return post(postings=[posting], at=at, actor=actor)[0]


def decommit(
    *,
    commitment: LedgerEntry,
    at: datetime,
    actor: User | None,
    key: str,
    reason: str,
    amount: Decimal | None = None,
) -> LedgerEntry:
    """Turns a commitment back into a reservation (``release`` then frees it); what is paid stays committed."""
    return _reverse(commitment, Movement.COMMIT, amount, at, actor, key, reason)


def record_payment(
    *,
    application: Application,
    amount: Decimal,
    at: datetime,
    actor: User | None,
    key: str,
    reference: str = "",
    year: int | None = None,
) -> LedgerEntry:
    """Records a payment against the dossier's commitment, on the payment credits (CP) of the year."""
    posting = Posting(
        _envelope_of(application),
        Movement.PAY,
        positive(amount),
        key,
        credit_kind=CreditKind.CP,
        year=year,
        application=application,
        reference=reference,
    )
    return post(postings=[posting], at=at, actor=actor)[0]


def record_repayment(
    *,
    application: Application,
    amount: Decimal,
    at: datetime,
    actor: User | None,
    key: str,
    reason: str,
    reference: str = "",
    year: int | None = None,
) -> LedgerEntry:
    """Records money that a beneficiary returned; it lowers what is paid and does not reopen payment credits.

    ``year`` is that in which the money came in, when it is recorded later.
    """
    posting = Posting(
        _envelope_of(application),
        Movement.REPAY,
        positive(amount),
        key,
        credit_kind=CreditKind.CP,
        year=year,
        application=application,
        reference=reference,
        reason=reason,
    )
    return post(postings=[posting], at=at, actor=actor)[0]


def cancel_entry(
    *, entry: LedgerEntry, at: datetime, actor: User | None, key: str, reason: str, amount: Decimal | None = None
) -> LedgerEntry:
    """Reverses any entry (a delegation, an opening, a payment recorded by mistake), wholly unless ``amount``."""
    return _reverse(entry, Movement(entry.movement), amount, at, actor, key, reason)


def _reverse(
    origin: LedgerEntry,
    movement: Movement,
    amount: Decimal | None,
    at: datetime,
    actor: User | None,
    key: str,
    reason: str,
) -> LedgerEntry:
    if origin.movement != movement:
        raise Refused("Cette écriture n’est pas du mouvement à annuler.")
    if amount is None:
        written = LedgerEntry.objects.filter(idempotency_key=key).values_list("amount", flat=True).first()
        amount = abs(written) if written is not None else _remaining(origin)
    posting = Posting(
        origin.envelope,
        movement,
        -positive(amount),
        key,
        credit_kind=CreditKind(origin.credit_kind),
        year=origin.year,
        application=origin.application,
        counterpart=origin.counterpart,
        reverses=origin,
        reason=reason,
    )
    return post(postings=[posting], at=at, actor=actor)[0]


def _remaining(origin: LedgerEntry) -> Decimal:
    reversed_already = origin.reversals.aggregate(total=Sum("amount"))["total"] or Decimal(0)
    remaining = origin.amount + reversed_already
    if remaining <= 0:
        raise Refused("Cette écriture est déjà annulée.")
    return remaining


def _envelope_of(application: Application) -> Envelope:
    award = AwardBalance.objects.select_related("envelope").filter(application=application).first()
    if award is None:
        raise Refused("Aucune somme n’est réservée pour ce dossier.")
    return award.envelope

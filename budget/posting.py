"""Posting to the ledger: replay by key, friendly refusal first, the database's refusal last. Used by services alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.models import User
from applications.models import Application
from budget.enums import CreditKind, Movement
from budget.models import Envelope, LedgerEntry
from budget.refusals import refusal_of, shortfall_sentence
from core.errors import Refused
from core.idempotency import KeyReused
from core.money import CENT, amount_text

DRAWING = {Movement.RESERVE, Movement.DELEGATE}


# In euros: what a column of fourteen digits, two of them cents, does not hold.
TOO_MUCH = Decimal("1E12")


@dataclass(frozen=True)
class Posting:
    """One movement to write, in euros; ``amount`` is negative for a reversal."""

    envelope: Envelope
    movement: Movement
    amount: Decimal
    key: str
    credit_kind: CreditKind = CreditKind.AE
    year: int | None = None
    application: Application | None = None
    counterpart: Envelope | None = None
    reverses: LedgerEntry | None = None
    reference: str = ""
    reason: str = ""
    asks: str = field(default="ce mouvement demande", compare=False)


def year_of(at: datetime) -> int:
    """The budget year of an instant, in Europe/Paris."""
    return timezone.localtime(at).year


def positive(amount: Decimal) -> Decimal:
    """The amount in euros, refused unless above zero, below a thousand billion and of two decimals at most."""
    if not isinstance(amount, Decimal):
        raise TypeError("amounts are Decimal")
    if not amount.is_finite() or amount <= 0:
        raise Refused("Le montant doit être supérieur à zéro.", field="amount")
    if amount >= TOO_MUCH:
        raise Refused("Ce montant est trop grand.", field="amount")
    if amount != amount.quantize(CENT):
        raise Refused("Un montant en euros a deux décimales au plus.", field="amount")
    return amount.quantize(CENT)


def lock_balances(envelope_ids: Iterable[int]) -> dict[int, Decimal]:
    """Locks these balances in id order until the end of the transaction; what is left in each, in euros.

    The role that serves may not lock them itself: a function of the owner does. Whoever posts several times in one
    transaction calls this first with all the envelopes, and cannot then be in a deadlock with another who does.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT envelope_id, allocated - delegated - reserved - committed FROM budget_lock_balances(%s)",
            [sorted(set(envelope_ids))],
        )
        return dict(cursor.fetchall())


def post(*, postings: Sequence[Posting], at: datetime, actor: User | None) -> list[LedgerEntry]:
    """Writes all the movements or none; the entry already there for a key that served with the same content.

    Raises KeyReused for a key that served for another content, Refused for anything the ledger does not allow.
    """
    try:
        with transaction.atomic():
            return _post(postings, at, actor)
    except DatabaseError as error:
        # A key written by another transaction since we looked: its entry is readable now.
        if _is_key_taken(error):
            return _replay_all(postings, actor, error)
        refusal = refusal_of(error)
        if refusal is None:
            raise
        raise refusal from error


def _post(postings: Sequence[Posting], at: datetime, actor: User | None) -> list[LedgerEntry]:
    if len({posting.key for posting in postings}) != len(postings):
        raise KeyReused("La même clé sert deux fois dans cette demande.")
    touched = [(item.envelope.pk, item.counterpart.pk if item.counterpart else None) for item in postings]
    left = lock_balances(pk for pair in touched for pk in pair if pk is not None)
    known = _known(postings, actor)
    fresh = [posting for posting in postings if posting.key not in known]
    _refuse_shortfalls(fresh, left)
    created = LedgerEntry.objects.bulk_create(_entry(posting, at, actor) for posting in fresh)
    # Read again: the trigger has set sequence, hash and instant.
    known |= {entry.idempotency_key: entry for entry in LedgerEntry.objects.filter(pk__in=[row.pk for row in created])}
    return [known[posting.key] for posting in postings]


def _entry(posting: Posting, at: datetime, actor: User | None) -> LedgerEntry:
    return LedgerEntry(
        envelope=posting.envelope,
        counterpart=posting.counterpart,
        movement=posting.movement,
        credit_kind=posting.credit_kind,
        year=posting.year or year_of(at),
        amount=posting.amount,
        application=posting.application,
        reverses=posting.reverses,
        reference=posting.reference,
        reason=posting.reason,
        idempotency_key=posting.key,
        occurred_at=at,
        actor=actor,
    )


def _refuse_shortfalls(postings: Sequence[Posting], left: dict[int, Decimal]) -> None:
    """Says for each envelope how much is left and how much is asked, before the database refuses the first one."""
    asked: dict[int, Decimal] = {}
    first: dict[int, Posting] = {}
    left = dict(left)
    for posting in postings:
        receiver = posting.counterpart or (posting.envelope if posting.movement == Movement.ALLOCATE else None)
        if receiver is not None and posting.credit_kind == CreditKind.AE:
            left[receiver.pk] = left.get(receiver.pk, Decimal(0)) + posting.amount
        if posting.movement in DRAWING and posting.amount > 0:
            pk = posting.envelope.pk
            asked[pk] = asked.get(pk, Decimal(0)) + posting.amount
            first.setdefault(pk, posting)
    short = [pk for pk in sorted(asked) if asked[pk] > left.get(pk, Decimal(0))]
    if not short:
        return
    sentences, figures = [], []
    for pk in short:
        envelope, available = first[pk].envelope, left.get(pk, Decimal(0))
        sentences.append(shortfall_sentence(envelope.name, available, asked[pk], first[pk].asks))
        figures.append(
            {
                "envelope_id": pk,
                "envelope": envelope.code,
                "name": envelope.name,
                "left": amount_text(available),
                "asked": amount_text(asked[pk]),
            }
        )
    raise Refused(
        " ".join(sentences), field="amount", data={"rule": "budget_balance_within_allocated", "shortfalls": figures}
    )


def _known(postings: Sequence[Posting], actor: User | None) -> dict[str, LedgerEntry]:
    """Entries already written for these keys. Raises KeyReused where the content differs."""
    by_key = {posting.key: posting for posting in postings}
    found = {entry.idempotency_key: entry for entry in LedgerEntry.objects.filter(idempotency_key__in=by_key)}
    for key, entry in found.items():
        if not _is_same(entry, by_key[key], actor):
            raise KeyReused("Cette demande a déjà été enregistrée avec un autre contenu. Rechargez la page.")
    return found


def _is_same(entry: LedgerEntry, posting: Posting, actor: User | None) -> bool:
    """Same content: everything but the instant, which moves when a person tries again."""
    return (
        entry.envelope_id,
        entry.counterpart_id,
        entry.movement,
        entry.credit_kind,
        entry.amount,
        entry.application_id,
        entry.reverses_id,
        entry.reference,
        entry.reason,
        entry.actor_id,
    ) == (
        posting.envelope.pk,
        posting.counterpart.pk if posting.counterpart else None,
        posting.movement.value,
        posting.credit_kind.value,
        posting.amount,
        posting.application.pk if posting.application else None,
        posting.reverses.pk if posting.reverses else None,
        posting.reference,
        posting.reason,
        actor.pk if actor else None,
    ) and (posting.year is None or posting.year == entry.year)


def _is_key_taken(error: DatabaseError) -> bool:
    diagnostic = getattr(error.__cause__, "diag", None)
    rule = getattr(diagnostic, "constraint_name", None) or ""
    return getattr(error.__cause__, "sqlstate", None) == "23505" and "idempotency_key" in rule


def _replay_all(postings: Sequence[Posting], actor: User | None, error: DatabaseError) -> list[LedgerEntry]:
    known = _known(postings, actor)
    if len(known) != len(postings):
        raise KeyReused("Cette demande a déjà été enregistrée en partie. Rechargez la page.") from error
    return [known[posting.key] for posting in postings]

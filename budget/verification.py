"""The ledger read again from its first entry: hashes, numbers, balances, tree, journal. Finds any alteration by hand.

The hash of each entry is computed here, in Python, so that altered SQL cannot hide an altered entry.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from budget.enums import CreditKind, Movement
from budget.models import AwardBalance, Balance, Envelope, PaymentCredit
from core.models import JournalEntry
from core.money import euros

ZERO = Decimal("0.00")
FIGURES = {
    "allocated": "ouvert",
    "delegated": "délégué",
    "reserved": "réservé",
    "committed": "engagé",
    "paid": "versé",
}

_ENTRIES = """
    SELECT id, sequence, envelope_id, counterpart_id, movement, credit_kind, year, amount, application_id, reverses_id,
           reference, reason, idempotency_key,
           to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           actor_id, row_hash
    FROM budget_ledgerentry ORDER BY envelope_id, sequence, id
"""


@dataclass
class Problem:
    """One thing that differs: ``message`` in French; envelope (code) and entry where they apply."""

    code: str
    message: str
    envelope: str = ""
    entry: str = ""


@dataclass
class LedgerReport:
    """What a verification found. Totals are euros, over the calls' roots; ``problems`` is empty when intact."""

    entries: int = 0
    envelopes: int = 0
    allocated: Decimal = ZERO
    problems: list[Problem] = field(default_factory=list)


@dataclass
class _Held:
    """What the entries say that something holds, in euros."""

    allocated: Decimal = ZERO
    delegated: Decimal = ZERO
    reserved: Decimal = ZERO
    committed: Decimal = ZERO
    paid: Decimal = ZERO
    last_sequence: int = 0


@dataclass
class _Books:
    """Everything recomputed from the entries."""

    envelopes: dict[int, _Held] = field(default_factory=dict)
    awards: dict[UUID, _Held] = field(default_factory=dict)
    # Net movements of a dossier per envelope, to know which one holds it.
    held_by: dict[UUID, dict[int, Decimal]] = field(default_factory=dict)
    credits: dict[tuple[int, int], _Held] = field(default_factory=dict)
    hashes: dict[str, tuple[int, str, int, str]] = field(default_factory=dict)
    reversed: dict[UUID, Decimal] = field(default_factory=dict)
    origins: dict[UUID, tuple[Any, ...]] = field(default_factory=dict)
    mirrors: dict[UUID, list[tuple[Any, ...]]] = field(default_factory=dict)


def verify_ledger() -> LedgerReport:
    """Recomputes the whole ledger in one snapshot, so that a site at work raises no false alarm."""
    report = LedgerReport()
    with transaction.atomic():
        if not connection.savepoint_ids:
            with connection.cursor() as cursor:
                # Allowed as the first statement only; a nested call keeps the isolation of its caller.
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        tree = {envelope.pk: envelope for envelope in Envelope.objects.all()}
        report.envelopes = len(tree)
        books = _read_entries(report, tree)
        _check_reversals(report, books)
        _check_balances(report, tree, books)
        _check_awards(report, tree, books)
        _check_credits(report, tree, books)
        _check_tree(report, tree)
        _check_journal(report, tree, books)
    return report


def _netstring(value: object) -> bytes:
    encoded = ("" if value is None else str(value)).encode()
    return str(len(encoded)).encode() + b":" + encoded + b","


def _code(tree: dict[int, Envelope], envelope_id: int) -> str:
    return tree[envelope_id].code if envelope_id in tree else f"n° {envelope_id} (disparue)"


def _read_entries(report: LedgerReport, tree: dict[int, Envelope]) -> _Books:
    books = _Books()
    # Of the server: another cursor would bring the whole ledger here at once.
    with connection.chunked_cursor() as cursor:
        cursor.execute(_ENTRIES)
        while rows := cursor.fetchmany(5000):
            for *parts, row_hash in rows:
                report.entries += 1
                _check_entry(report, tree, books, parts, row_hash)
                _apply(tree, books, parts)
    return books


def _check_entry(
    report: LedgerReport, tree: dict[int, Envelope], books: _Books, parts: list[Any], row_hash: str
) -> None:
    """One entry: its hash, and its number that follows the one before in the same envelope."""
    entry_id, sequence, envelope_id = parts[0], parts[1], parts[2]
    code = _code(tree, envelope_id)
    held = books.envelopes.setdefault(envelope_id, _Held())
    if sequence != held.last_sequence + 1:
        report.problems.append(
            Problem(
                "sequence",
                f"Enveloppe {code} : l’écriture n° {held.last_sequence + 1} manque (n° {sequence} trouvé à sa place).",
                code,
                str(entry_id),
            )
        )
    if hashlib.sha256(b"".join(map(_netstring, parts))).hexdigest() != row_hash:
        report.problems.append(
            Problem(
                "row_hash",
                f"Enveloppe {code}, écriture n° {sequence} ({entry_id}) : son contenu ne correspond plus à son "
                "empreinte.",
                code,
                str(entry_id),
            )
        )
    books.hashes[str(entry_id)] = (envelope_id, row_hash, sequence, f"{parts[7]:.2f}")
    held.last_sequence = sequence


def _apply(tree: dict[int, Envelope], books: _Books, parts: list[Any]) -> None:
    """Moves the recomputed balances as the ledger's triggers move the real ones."""
    entry_id, _, envelope_id, counterpart_id, movement, kind, year, amount, application_id, reverses_id = parts[:10]
    held = books.envelopes.setdefault(envelope_id, _Held())
    award = books.awards.setdefault(application_id, _Held()) if application_id else _Held()
    mirror = (envelope_id, counterpart_id, movement, kind, year, application_id)
    if reverses_id is None:
        books.origins[entry_id] = (amount, *mirror)
    else:
        books.reversed[reverses_id] = books.reversed.get(reverses_id, ZERO) - amount
        books.mirrors.setdefault(reverses_id, []).append((entry_id, *mirror))
    if movement == Movement.ALLOCATE and kind == CreditKind.AE:
        held.allocated += amount
    elif movement == Movement.ALLOCATE:
        books.credits.setdefault((_root(tree, envelope_id), year), _Held()).allocated += amount
    elif movement == Movement.DELEGATE:
        held.delegated += amount
        books.envelopes.setdefault(counterpart_id, _Held()).allocated += amount
    elif movement == Movement.RESERVE:
        held.reserved += amount
        award.reserved += amount
        by_envelope = books.held_by.setdefault(application_id, {})
        by_envelope[envelope_id] = by_envelope.get(envelope_id, ZERO) + amount
    elif movement == Movement.COMMIT:
        for each in (held, award):
            each.reserved -= amount
            each.committed += amount
    elif movement == Movement.PAY:
        books.credits.setdefault((_root(tree, envelope_id), year), _Held()).paid += amount
        held.paid += amount
        award.paid += amount
    elif movement == Movement.REPAY:
        held.paid -= amount
        award.paid -= amount


def _root(tree: dict[int, Envelope], envelope_id: int) -> int:
    """The envelope's root; a cycle made by hand stops at the number of envelopes."""
    for _ in tree:
        parent = tree[envelope_id].parent_id if envelope_id in tree else None
        if parent is None:
            break
        envelope_id = parent
    return envelope_id


def _check_reversals(report: LedgerReport, books: _Books) -> None:
    for origin_id, total in books.reversed.items():
        amount, *origin = books.origins.get(origin_id, (ZERO,))
        if total > amount:
            message = f"Écriture {origin_id} : {euros(total)} annulés pour {euros(amount)} écrits."
            report.problems.append(Problem("reversal", message, entry=str(origin_id)))
        for entry_id, *mirror in books.mirrors[origin_id]:
            if mirror != origin:
                message = f"Écriture {entry_id} : elle n’annule pas le même mouvement que l’écriture {origin_id}."
                report.problems.append(Problem("reversal", message, entry=str(entry_id)))


def _differences(name: str, stored: Any, computed: _Held, figures: Iterable[str]) -> list[str]:
    return [
        f"{name} : le solde « {FIGURES[figure]} » est de {euros(getattr(stored, figure))}, "
        f"les écritures donnent {euros(getattr(computed, figure))}."
        for figure in figures
        if getattr(stored, figure) != getattr(computed, figure)
    ]


def _check_balances(report: LedgerReport, tree: dict[int, Envelope], books: _Books) -> None:
    stored = {row.envelope_id: row for row in Balance.objects.all()}
    for pk in sorted((stored.keys() | books.envelopes.keys()) - tree.keys()):
        message = f"Enveloppe {_code(tree, pk)} : elle a un solde ou des écritures mais n’existe plus."
        report.problems.append(Problem("tree", message))
    for pk, envelope in sorted(tree.items()):
        computed = books.envelopes.get(pk, _Held())
        name = f"Enveloppe {envelope.code}"
        row = stored.get(pk)
        if row is None:
            report.problems.append(Problem("balance", f"{name} : son solde a disparu.", envelope.code))
            continue
        for message in _differences(name, row, computed, FIGURES):
            report.problems.append(Problem("balance", message, envelope.code))
        if row.last_sequence != computed.last_sequence:
            message = (
                f"{name} : le dernier numéro enregistré est {row.last_sequence}, "
                f"les écritures s’arrêtent au n° {computed.last_sequence}."
            )
            report.problems.append(Problem("sequence", message, envelope.code))
        if envelope.parent_id is None:
            report.allocated += row.allocated


def _check_awards(report: LedgerReport, tree: dict[int, Envelope], books: _Books) -> None:
    figures = ("reserved", "committed", "paid")
    stored = {row.application_id: row for row in AwardBalance.objects.all()}
    for pk in sorted(stored.keys() | books.awards.keys()):
        row, computed = stored.get(pk), books.awards.get(pk, _Held())
        name = f"Dossier {pk}"
        if row is None:
            report.problems.append(Problem("award", f"{name} : son solde a disparu."))
            continue
        code = _code(tree, row.envelope_id)
        for message in _differences(name, row, computed, figures):
            report.problems.append(Problem("award", message, code))
        elsewhere = {each for each, net in books.held_by.get(pk, {}).items() if net} - {row.envelope_id}
        if elsewhere:
            codes = ", ".join(sorted(_code(tree, each) for each in elsewhere))
            message = f"{name} : rattaché à l’enveloppe {code}, les écritures le financent sur {codes}."
            report.problems.append(Problem("award", message, code))


def _check_credits(report: LedgerReport, tree: dict[int, Envelope], books: _Books) -> None:
    stored = {(row.envelope_id, row.year): row for row in PaymentCredit.objects.all()}
    for key in sorted(stored.keys() | books.credits.keys()):
        computed = books.credits.get(key, _Held())
        row = stored.get(key)
        opened, paid = (row.opened, row.paid) if row else (ZERO, ZERO)
        code = _code(tree, key[0])
        for label, held, wanted in (("ouverts", opened, computed.allocated), ("consommés", paid, computed.paid)):
            if held != wanted:
                message = (
                    f"Enveloppe {code}, crédits de paiement {key[1]} : {euros(held)} {label}, "
                    f"les écritures donnent {euros(wanted)}."
                )
                report.problems.append(Problem("payment_credit", message, code))


def _check_tree(report: LedgerReport, tree: dict[int, Envelope]) -> None:
    """What a parent delegated is what its children received."""
    balances = {row.envelope_id: row for row in Balance.objects.all()}
    received: dict[int, Decimal] = {}
    for pk, envelope in tree.items():
        if envelope.parent_id is not None and pk in balances:
            received[envelope.parent_id] = received.get(envelope.parent_id, ZERO) + balances[pk].allocated
    for pk, row in sorted(balances.items()):
        given = received.get(pk, ZERO)
        if row.delegated != given:
            code = _code(tree, pk)
            message = f"Enveloppe {code} : {euros(row.delegated)} délégués, ses enveloppes filles ont {euros(given)}."
            report.problems.append(Problem("tree", message, code))


def _check_journal(report: LedgerReport, tree: dict[int, Envelope], books: _Books) -> None:
    """Each entry has its one journal row with the same hash, and each such row its entry."""
    seen: dict[str, int] = {}
    rows = JournalEntry.objects.filter(action__startswith="ledger.").values_list("chain", "number", "data")
    for chain, number, data in rows.iterator(chunk_size=5000):
        entry_id = str(data.get("entry", "")) if isinstance(data, dict) else ""
        seen[entry_id] = seen.get(entry_id, 0) + 1
        known = books.hashes.get(entry_id)
        if known is None:
            message = f"Journal {chain}, n° {number} : l’écriture {entry_id} n’est plus dans le grand livre."
            report.problems.append(Problem("journal", message, entry=entry_id))
            continue
        envelope_id, row_hash, sequence, amount = known
        told = (chain, data.get("row_hash"), data.get("sequence"), data.get("amount"))
        if told != (f"envelope:{envelope_id}", row_hash, sequence, amount) or seen[entry_id] > 1:
            code = _code(tree, envelope_id)
            message = (
                f"Enveloppe {code}, écriture n° {sequence} ({entry_id}) : elle diffère de ce que dit le journal "
                f"({chain}, n° {number})."
            )
            report.problems.append(Problem("journal", message, code, entry_id))
    for entry_id in sorted(books.hashes.keys() - seen.keys()):
        envelope_id, _, sequence, _ = books.hashes[entry_id]
        code = _code(tree, envelope_id)
        message = f"Enveloppe {code}, écriture n° {sequence} ({entry_id}) : le journal ne la connaît pas."
        report.problems.append(Problem("journal", message, code, entry_id))

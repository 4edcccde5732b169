"""Rows of the budget pages and of their exports: the same figures, in the same words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, QuerySet, Sum
from django.urls import reverse

from applications.models import ApplicationQuerySet
from budget.models import AwardBalance, LedgerEntry
from budget.queries import ZERO, Figure, Node, awards_behind
from territories.names import normalise

SERIES = ("Versé", "Engagé, non versé", "Réservé", "Disponible")
TREE_HEADER = (
    "Niveau",
    "Code",
    "Enveloppe",
    "Département",
    "Ouvert (€)",
    "Délégué (€)",
    "Réservé (€)",
    "Engagé (€)",
    "Versé (€)",
    "Disponible (€)",
    "Dossiers recevables en attente",
    "Aide qu’ils demandent (€)",
    "Disponible s’ils étaient tous retenus (€)",
)
AWARD_HEADER = (
    "Numéro",
    "Intitulé",
    "Collectivité",
    "Département",
    "Enveloppe",
    "Réservé (€)",
    "Engagé (€)",
    "Versé (€)",
)
ENTRY_HEADER = (
    "Numéro d’ordre",
    "Date de l’acte",
    "Mouvement",
    "Nature de crédits",
    "Année",
    "Montant (€)",
    "Enveloppe",
    "Enveloppe délégataire",
    "Dossier",
    "Référence",
    "Motif",
    "Annule le numéro",
    "Empreinte",
)
ENTRY_ORDERS = {
    "numero": ("envelope_id", "sequence"),
    "date": ("occurred_at", "envelope_id", "sequence"),
    "montant": ("amount", "envelope_id", "sequence"),
    "mouvement": ("movement", "envelope_id", "sequence"),
}


@dataclass
class Section:
    """One line of the page's table; ``leaves`` are the folded lines below it (départements), as filtered."""

    node: Node
    leaves: list[Node]
    hidden: int


def sections(tops: Sequence[Node], wanted: str) -> list[Section]:
    """The upper levels as lines, the many leaves of a territorial axis folded under theirs.

    ``wanted`` is a normalised name or code; it narrows the folded lines only.
    """
    found = []
    for top in tops:
        for node in top.walk():
            if node.level <= 1 or node is top:
                below = [leaf for leaf in node.leaves() if leaf.level > 1] if node.level == 1 else []
                shown = [leaf for leaf in below if _matches(leaf, wanted)]
                found.append(Section(node, shown, len(below) - len(shown)))
    return found


def _matches(node: Node, wanted: str) -> bool:
    envelope = node.envelope
    return not wanted or wanted in normalise(envelope.name) or wanted == envelope.departement_code.lower()


def bars(tops: Sequence[Node]) -> list[tuple[str, list[Decimal], str]]:
    """Bars of the chart: the upper levels, what is paid, committed and not paid (or paid back), reserved and left."""
    return [
        (
            node.envelope.name,
            [node.paid, node.to_pay, node.reserved, node.left],
            reverse("envelope_detail", args=[node.envelope.call.code, node.envelope.code]),
        )
        for top in tops
        for node in top.walk()
        if node.level <= 1 or node is top
    ]


def tree_rows(tops: Sequence[Node]) -> Iterator[tuple[Any, ...]]:
    """One row for each envelope under ``tops``, those above first; amounts in euros."""
    for top in tops:
        for node in top.walk():
            yield (
                node.level,
                node.envelope.code,
                node.envelope.name,
                node.envelope.departement_code,
                node.allocated,
                node.delegated,
                node.reserved,
                node.committed,
                node.paid,
                node.left,
                node.requested_count,
                node.requested,
                node.forecast,
            )


@dataclass
class Behind:
    """The dossiers that make a figure: those in sight as rows, the others as a number and a sum, in euros."""

    rows: QuerySet[AwardBalance]
    total: Decimal
    count: int
    hidden_total: Decimal
    hidden_count: int

    @classmethod
    def of(cls, node: Node, figure: Figure, scope: ApplicationQuerySet) -> "Behind":
        every = awards_behind(node.leaves(), figure)
        rows = every.filter(application__in=scope)
        sums = {"total": Sum(figure.column), "count": Count("pk")}
        whole, seen = every.aggregate(**sums), rows.aggregate(**sums)
        total, in_sight = whole["total"] or ZERO, seen["total"] or ZERO
        return cls(rows, total, whole["count"], total - in_sight, whole["count"] - seen["count"])


def award_order(asked: str, figure: Figure) -> tuple[str, ...]:
    """Order of the dossiers, from the address: by number unless another column is asked for."""
    columns = {"numero": "application__number", "collectivite": "application__organisation__search_name"}
    columns["montant"] = figure.column
    sign = "-" if asked.startswith("-") else ""
    return (f"{sign}{columns.get(asked.removeprefix('-'), 'application__number')}", "application_id")


def entry_order(asked: str) -> tuple[str, ...]:
    """Order of the entries, from the address: the last first unless another is asked for."""
    sign = "-" if asked.startswith("-") else ""
    columns = ENTRY_ORDERS.get(asked.removeprefix("-"))
    if columns is None:
        sign, columns = "-", ENTRY_ORDERS["date"]
    return tuple(f"{sign}{column}" for column in columns)


def award_rows(rows: QuerySet[AwardBalance]) -> Iterator[tuple[Any, ...]]:
    """One row for each dossier, by number; amounts in euros."""
    for row in rows.order_by("application__number", "application_id").iterator(chunk_size=2000):
        application = row.application
        yield (
            application.number,
            application.title,
            application.organisation.name,
            application.departement_code,
            row.envelope.name,
            row.reserved,
            row.committed,
            row.paid,
        )


def entry_rows(entries: QuerySet[LedgerEntry], scope: ApplicationQuerySet) -> Iterator[tuple[Any, ...]]:
    """A dossier out of the reader's sight is left unnamed, and so is what was written about it."""
    named = dict(scope.filter(pk__in=entries.order_by().values("application")).values_list("pk", "number"))
    for row in entries.order_by("envelope_id", "sequence").iterator(chunk_size=2000):
        is_hidden = row.application_id is not None and row.application_id not in named
        yield (
            row.sequence,
            row.occurred_at,
            row.get_movement_display(),
            row.credit_kind,
            row.year,
            row.amount,
            row.envelope.name,
            row.counterpart.name if row.counterpart else "",
            "non consultable" if is_hidden else named.get(row.application_id) if row.application_id else "",
            "" if is_hidden else row.reference,
            "" if is_hidden else row.reason,
            row.reverses.sequence if row.reverses else None,
            row.row_hash,
        )

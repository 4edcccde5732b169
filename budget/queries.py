"""What the pages show of the money. Totals come from the balances that the ledger keeps, never from sums of entries."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from applications.enums import ApplicationState
from applications.models import Application, ApplicationQuerySet
from applications.permissions import denied
from budget.models import AwardBalance, Envelope, LedgerEntry, PaymentCredit
from calls.models import Axis, Call

ZERO = Decimal("0.00")


@dataclass
class Node:
    """An envelope with its own balance and, in euros, what it and all below it hold.

    ``allocated``, ``delegated`` are its own; ``reserved``, ``committed``, ``paid`` and ``requested`` are rolled up.
    ``level`` is the depth in the whole tree, also when only a part is read.
    ``requested`` is what admissible dossiers without a decision ask for: the forecast; ``asking`` says which, as pairs
    of an axis (its key) and a département.
    """

    envelope: Envelope
    level: int
    allocated: Decimal
    delegated: Decimal
    reserved: Decimal
    committed: Decimal
    paid: Decimal
    requested: Decimal = ZERO
    requested_count: int = 0
    asking: list[tuple[int, str]] = field(default_factory=list)
    children: list["Node"] = field(default_factory=list)

    @property
    def left(self) -> Decimal:
        """What no award of the subtree holds yet."""
        return self.allocated - self.reserved - self.committed

    @property
    def free(self) -> Decimal:
        """What the envelope itself may still give or delegate."""
        balance = self.envelope.balance
        return self.allocated - self.delegated - balance.reserved - balance.committed

    @property
    def to_pay(self) -> Decimal:
        return self.committed - self.paid

    @property
    def forecast(self) -> Decimal:
        """What would be left if every admissible dossier were awarded what it asks; negative when it is too much."""
        return self.left - self.requested

    def walk(self) -> Iterator["Node"]:
        """The node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def leaves(self) -> list["Node"]:
        return [node for node in self.walk() if not node.children]


def tree(call: Call, envelopes: QuerySet[Envelope] | None = None, *, reader: Any = None) -> list[Node]:
    """The envelopes of a call as a tree (the whole or a part: the tops of what is given), in three queries.

    A part must hold whole subtrees for its totals to be those of the envelopes. What is asked for leaves out the
    dossiers from which ``reader`` is recused: money that moved is everybody's figure, a dossier still judged is not.
    """
    rows = (Envelope.objects.all() if envelopes is None else envelopes).filter(call=call)
    nodes: dict[int, Node] = {}
    for row in rows.select_related("balance", "axis", "call", "parent").order_by("position", "code"):
        held = row.balance
        nodes[row.pk] = Node(row, 0, held.allocated, held.delegated, held.reserved, held.committed, held.paid)
    tops = []
    for node in nodes.values():
        parent = nodes.get(node.envelope.parent_id or 0)
        if parent is None:
            tops.append(node)
        else:
            parent.children.append(node)
    _add_requests(call, list(nodes.values()), reader)
    for top in tops:
        _roll_up(top, _depth(top.envelope))
    return tops


def _depth(envelope: Envelope) -> int:
    """0 for a root, 1 for its children, 2 for anything below: where the top of a part stands in the whole."""
    if envelope.parent is None:
        return 0
    return 1 if envelope.parent.parent_id is None else 2


def _roll_up(node: Node, level: int) -> None:
    node.level = level
    for child in node.children:
        _roll_up(child, level + 1)
        node.reserved += child.reserved
        node.committed += child.committed
        node.paid += child.paid
        node.requested += child.requested
        node.requested_count += child.requested_count
        node.asking += child.asking


def _add_requests(call: Call, nodes: list[Node], reader: Any) -> None:
    """Puts what is asked on the leaf that ``budget.envelopes.envelope_for`` would find."""
    parents = {node.envelope.parent_id for node in nodes}
    leaves = {
        (node.envelope.axis_id, node.envelope.departement_code): node
        for node in reversed(nodes)
        if node.envelope.pk not in parents
    }
    funded_from = dict(Axis.objects.filter(call=call).values_list("pk", "funded_from"))
    asked = (
        _without_decision(call, reader)
        .order_by()
        .values_list("axis", "departement_code")
        .annotate(total=Sum("amount_requested"), count=Count("pk"))
    )
    for axis, departement, total, count in asked:
        payer = funded_from.get(axis) or axis
        leaf = leaves.get((payer, departement)) or leaves.get((payer, ""))
        if leaf is not None:
            leaf.requested += total
            leaf.requested_count += count
            leaf.asking.append((axis, departement))


def _without_decision(call: Call, reader: Any) -> ApplicationQuerySet:
    dossiers = Application.objects.filter(call=call, state=ApplicationState.ADMISSIBLE, amount_requested__isnull=False)
    return dossiers if reader is None else dossiers.exclude(denied(reader))


def requests_behind(node: Node, *, reader: Any) -> ApplicationQuerySet:
    """The dossiers that make ``node.requested``, when ``reader`` is the one for whom the tree was read."""
    by_axis: dict[int, list[str]] = {}
    for axis, departement in node.asking:
        by_axis.setdefault(axis, []).append(departement)
    wanted = Q(pk__in=[])
    for axis, departements in by_axis.items():
        wanted |= Q(axis=axis, departement_code__in=departements)
    return _without_decision(node.envelope.call, reader).filter(wanted).select_related("organisation", "axis")


def payment_credits(call: Call) -> QuerySet[PaymentCredit]:
    """Payment credits (CP) of the call, by year."""
    return PaymentCredit.objects.filter(envelope__call=call).order_by("year")


@dataclass(frozen=True)
class Figure:
    """A figure that a page lets one open: its column of ``AwardBalance`` and its words."""

    slug: str
    column: str
    label: str


FIGURES = {
    figure.slug: figure
    for figure in (
        Figure("reserve", "reserved", "réservé"),
        Figure("engage", "committed", "engagé"),
        Figure("verse", "paid", "versé"),
    )
}


def awards_behind(nodes: list[Node], figure: Figure) -> QuerySet[AwardBalance]:
    """The dossiers that make a figure of these envelopes."""
    return AwardBalance.objects.filter(
        envelope__in=[node.envelope.pk for node in nodes], **{f"{figure.column}__gt": 0}
    ).select_related("application__organisation", "envelope")


def entries_of(envelope: Envelope) -> QuerySet[LedgerEntry]:
    """The movements written on an envelope, and those by which it received its money."""
    return (
        LedgerEntry.objects.filter(envelope=envelope) | LedgerEntry.objects.filter(counterpart=envelope)
    ).select_related("envelope", "counterpart", "application", "actor", "reverses")


def payment_credits_left(call: Call, year: int) -> Decimal:
    """What the call may still pay on the payment credits (CP) of a year, in euros; zero when none were opened."""
    row = PaymentCredit.objects.filter(envelope__call=call, envelope__parent=None, year=year).first()
    return row.left if row else Decimal(0)

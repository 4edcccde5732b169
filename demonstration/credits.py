"""The money of the present day: what the waiting list lacks, and the payment credits of the year."""

from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_CEILING, Decimal

from django.db.models import Sum

from accounts.models import User
from applications.enums import ApplicationState
from applications.models import Application
from budget.enums import Movement
from budget.envelopes import envelope_for
from budget.models import Balance, Envelope, LedgerEntry, PaymentCredit
from budget.posting import year_of
from budget.services import cancel_entry, delegate, open_payment_credits
from calls.models import Call
from conventions.enums import ConventionState
from conventions.models import Convention

MILLION = Decimal(1_000_000)
ASKING = (
    ApplicationState.SUBMITTED,
    ApplicationState.COMPLETION_REQUESTED,
    ApplicationState.ADMISSIBLE,
    ApplicationState.WAITLISTED,
)
REDEPLOYED = "Redéploiement de la part régionale vers la liste d’attente."


def add_missing_credits(*, applications: Sequence[Application], actor: User, at: datetime) -> None:
    """Gives the envelopes of these dossiers what they lack to award them all as asked, taken from the regional part
    of their axis."""
    asked: dict[Envelope, Decimal] = {}
    for application in applications:
        envelope = envelope_for(application)
        asked[envelope] = asked.get(envelope, Decimal(0)) + (application.amount_requested or Decimal(0))
    short = {envelope: amount - _left(envelope) for envelope, amount in asked.items() if amount > _left(envelope)}
    for envelope, amount in short.items():
        parent = envelope.parent
        assert parent is not None
        given = LedgerEntry.objects.get(
            envelope=parent,
            movement=Movement.DELEGATE,
            reverses=None,
            counterpart__axis=envelope.axis_id,
            counterpart__departement_code="",
        )
        key = f"today:{envelope.pk}"
        cancel_entry(entry=given, amount=amount, at=at, actor=actor, key=f"{key}:back", reason=REDEPLOYED)
        delegate(
            parent=parent, child=envelope, amount=amount, at=at, actor=actor, key=f"{key}:given", reason=REDEPLOYED
        )


def _left(envelope: Envelope) -> Decimal:
    held = Balance.objects.get(pk=envelope.pk)
    return held.allocated - held.delegated - held.reserved - held.committed


def open_credits_of_the_year(*, call: Call, actor: User, at: datetime) -> None:
    """Opens the payment credits (CP) that the year may need, in whole millions: conventions not yet paid, and all that
    the sessions of today ask for. Never more than the call has, the other years' credits counted."""
    root = Envelope.objects.select_related("balance").get(call=call, parent=None)
    opened = PaymentCredit.objects.filter(envelope=root).aggregate(total=Sum("opened"))["total"] or Decimal(0)
    unpaid = Convention.objects.filter(application__call=call).exclude(state=ConventionState.PAID)
    asking = Application.objects.filter(call=call, state__in=ASKING)
    needed = (unpaid.aggregate(total=Sum("amount"))["total"] or Decimal(0)) + (
        asking.aggregate(total=Sum("amount_requested"))["total"] or Decimal(0)
    )
    rounded = (needed / MILLION).to_integral_value(rounding=ROUND_CEILING) * MILLION
    amount = min(rounded, root.balance.allocated - opened)
    if amount > 0:
        year = year_of(at)
        open_payment_credits(
            envelope=root, year=year, amount=amount, at=at, actor=actor, key=f"today:{call.code}:CP:{year}"
        )

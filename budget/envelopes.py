"""The tree of a call's envelopes: which one a dossier spends, and how the first one is opened."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from accounts.models import User
from applications.models import Application
from budget.enums import CreditKind, Movement
from budget.models import Envelope
from budget.posting import Posting, post, year_of
from calls.models import Axis, Call
from core.errors import Refused
from core.money import CENT
from territories.enums import TerritoryKind
from territories.models import Territory

# Announced for axis 3 of the programme of 2021: 101 × 297 000 = 29.997 M€ of the 34 M€, the rest for the régions.
DEPARTEMENT_SHARE = Decimal("297000.00")


def envelope_for(application: Application) -> Envelope:
    """The leaf whose money the dossier asks for: its axis (or the one that funds it), then its département.

    A dossier of a territorial axis without a département of its own spends the regional rest. Raises Refused where
    the call has no envelope for it.
    """
    axis = application.axis
    leaves = list(
        Envelope.objects.filter(call=application.call_id, axis_id=axis.funded_from_id or axis.pk, children__isnull=True)
    )
    for wanted in (application.departement_code, ""):
        for leaf in leaves:
            if leaf.departement_code == wanted:
                return leaf
    raise Refused("Aucune enveloppe n’est ouverte pour ce dossier.", data={"rule": "budget_no_envelope"})


@transaction.atomic
def install_envelopes(
    *,
    call: Call,
    at: datetime,
    actor: User | None,
    departement_share: Decimal = DEPARTEMENT_SHARE,
    payment_credits: Mapping[int, Decimal] | None = None,
) -> Envelope:
    """Opens the announced money of a call and shares it out, in euros; run again, it changes nothing. The root.

    A territorial axis gives ``departement_share`` to each département of the call's first vintage and keeps the rest
    in one regional leaf. ``payment_credits`` gives the CP by year; by default half in the year of ``at``, half in the
    next. Raises Refused when the call announces no amount.
    """
    total = call.announced_amount
    if total is None:
        raise Refused("L’appel n’annonce aucun montant.", field="announced_amount")
    root = _envelope(call, code=call.code, name="Enveloppe de l’appel", parent=None, position=0)
    key = f"install:{call.code}:AE"
    if root.entries.filter(idempotency_key=key).exists():
        return root
    postings = [Posting(root, Movement.ALLOCATE, total, key)]
    year, half = year_of(at), (total / 2).quantize(CENT)
    for cp_year, amount in (payment_credits or {year: half, year + 1: total - half}).items():
        key = f"install:{call.code}:CP:{cp_year}"
        postings.append(Posting(root, Movement.ALLOCATE, amount, key, credit_kind=CreditKind.CP, year=cp_year))
    for axis in call.axes.filter(funded_from=None, announced_amount__isnull=False).order_by("position"):
        postings += _axis_postings(root, axis, departement_share)
    post(postings=postings, at=at, actor=actor)
    return root


def _axis_postings(root: Envelope, axis: Axis, departement_share: Decimal) -> list[Posting]:
    """The axis's envelope and, for a territorial axis, its leaves, with the delegations that fill them."""
    parent = _envelope(root.call, code=axis.code, name=axis.title, parent=root, position=axis.position, axis=axis)
    amount = axis.announced_amount or Decimal(0)
    postings = [_delegation(root, parent, amount)]
    if not axis.is_territorial:
        return postings
    departements = _departements(root.call)
    rest = amount - departement_share * len(departements)
    if rest < 0:
        raise Refused("L’enveloppe de l’axe ne suffit pas à la part de chaque département.", field="announced_amount")
    short = axis.title.split(":")[0].strip()
    for position, departement in enumerate(departements, start=1):
        leaf = _envelope(
            root.call,
            code=f"{axis.code}-{departement.code}",
            name=f"{short} – {departement.name}",
            parent=parent,
            position=position,
            axis=axis,
            departement_code=departement.code,
            region_code=departement.region_code,
        )
        postings.append(_delegation(parent, leaf, departement_share))
    if rest:
        leaf = _envelope(
            root.call,
            code=f"{axis.code}-regions",
            name=f"{short} – Part régionale",
            parent=parent,
            position=len(departements) + 1,
            axis=axis,
        )
        postings.append(_delegation(parent, leaf, rest))
    return postings


def _delegation(parent: Envelope, child: Envelope, amount: Decimal) -> Posting:
    key = f"install:{parent.call.code}:{child.code}"
    return Posting(parent, Movement.DELEGATE, amount, key, counterpart=child)


def _departements(call: Call) -> list[Territory]:
    """Départements of the vintage with which the call opened, by code."""
    version = call.rules_versions.order_by("number").first()
    if version is None:
        raise Refused("L’appel n’a pas de règlement : son millésime est inconnu.")
    territories = Territory.objects.filter(vintage=version.vintage_id, kind=TerritoryKind.DEPARTEMENT)
    return list(territories.order_by("code"))


def _envelope(
    call: Call,
    *,
    code: str,
    name: str,
    parent: Envelope | None,
    position: int,
    axis: Axis | None = None,
    departement_code: str = "",
    region_code: str = "",
) -> Envelope:
    envelope, _ = Envelope.objects.get_or_create(
        call=call,
        code=code,
        defaults={
            "name": name,
            "parent": parent,
            "position": position,
            "axis": axis,
            "departement_code": departement_code,
            "region_code": region_code,
        },
    )
    return envelope

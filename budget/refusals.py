"""From what the database refuses to the sentence a person reads: what is left, where, and what was asked."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.db import DatabaseError, DataError

from budget.models import Envelope
from core.errors import Refused
from core.money import NBSP, NNBSP, euros

Figures = dict[str, Any]

# SQLSTATE of lock_not_available, deadlock_detected, serialization_failure: nothing is wrong, somebody was first.
BUSY = {"55P03", "40P01", "40001"}


def envelope_name(figures: Figures) -> str:
    """« Axe 3 – Gironde » with its quotation marks, from the id in the figures."""
    name = Envelope.objects.filter(pk=figures["envelope"]).values_list("name", flat=True).first()
    return f"«{NBSP}{name}{NBSP}»" if name else "inconnue"


def shortfall_sentence(name: str, left: Decimal, asked: Decimal, asks: str) -> str:
    """« Il reste 12 000,00 € dans l'enveloppe « X » ; cette liste demande 15 000,00 €. »"""
    return f"Il reste {euros(left)} dans l’enveloppe «{NBSP}{name}{NBSP}»{NNBSP}; {asks} {euros(asked)}."


def _envelope(figures: Figures) -> str:
    left, asked = Decimal(figures["left"] or 0), Decimal(figures["asked"])
    return (
        f"Il reste {euros(left)} dans l’enveloppe {envelope_name(figures)}{NNBSP}; ce mouvement demande {euros(asked)}."
    )


def _reserved(figures: Figures) -> str:
    reserved, asked = Decimal(figures["reserved"]), abs(Decimal(figures["asked"]))
    act = "l’engagement demande" if figures["movement"] == "commit" else "on veut en libérer"
    return f"Il reste {euros(reserved)} de réservés pour ce dossier{NNBSP}; {act} {euros(asked)}."


def _committed(figures: Figures) -> str:
    left = Decimal(figures["committed"]) - Decimal(figures["paid"])
    asked = abs(Decimal(figures["asked"]))
    act = "on veut en retirer" if figures["movement"] == "commit" else "le versement demande"
    return f"Il reste {euros(left)} à verser sur la somme engagée pour ce dossier{NNBSP}; {act} {euros(asked)}."


def _paid(figures: Figures) -> str:
    paid, asked = Decimal(figures["paid"]), abs(Decimal(figures["asked"]))
    return f"Ce dossier a reçu {euros(paid)}{NNBSP}; on ne peut pas en reprendre {euros(asked)}."


def _credits(figures: Figures) -> str:
    left, asked, year = Decimal(figures["left"]), Decimal(figures["asked"]), figures["year"]
    if asked < 0:
        return (
            f"Il reste {euros(left)} de crédits de paiement non consommés pour {year}{NNBSP}; "
            f"on veut en retirer {euros(-asked)}."
        )
    return credits_sentence(left, asked, year)


def credits_sentence(left: Decimal, asked: Decimal, year: int) -> str:
    """What a payment lacks: the payment credits left of its year, in euros, and what it asks."""
    return (
        f"Il reste {euros(left)} de crédits de paiement pour {year}{NNBSP}; ce versement demande {euros(asked)}. "
        "Un gestionnaire de tout l’appel peut en ouvrir, dans « Budget »."
    )


def _reversal(figures: Figures) -> str:
    left, asked = Decimal(figures["left"]), Decimal(figures["asked"])
    return f"Il reste {euros(left)} à annuler sur cette écriture{NNBSP}; on veut en annuler {euros(asked)}."


def _said(sentence: str) -> Callable[[Figures], str]:
    return lambda figures: sentence


SENTENCES: dict[str, Callable[[Figures], str]] = {
    "budget_balance_within_allocated": _envelope,
    "budget_award_within_reserved": _reserved,
    "budget_award_within_committed": _committed,
    "budget_award_within_paid": _paid,
    "budget_paymentcredit_within_opened": _credits,
    "budget_ledger_reversal_within_origin": _reversal,
    "budget_award_one_envelope": _said("Ce dossier est déjà financé par une autre enveloppe."),
    "budget_ledger_leaf_only": _said(
        "Cette enveloppe est répartie entre d’autres : une aide se prend sur une enveloppe qui n’est pas répartie."
    ),
    "budget_ledger_root_only": _said("Des crédits s’ouvrent sur l’enveloppe de l’appel entier."),
    "budget_ledger_child_only": _said("Une délégation va d’une enveloppe à l’une de celles qu’elle contient."),
    "budget_ledger_same_call": _said("Ce dossier n’est pas de l’appel de cette enveloppe."),
    "budget_ledger_reversal_mirrors": _said("Une annulation reprend exactement le mouvement annulé."),
}


def refusal_of(error: DatabaseError) -> Refused | None:
    """The refusal to show for a database error raised by the ledger's guards, None for an error of another kind."""
    diagnostic = getattr(error.__cause__, "diag", None)
    state = getattr(error.__cause__, "sqlstate", None)
    if state in BUSY:
        return Refused(
            "Une autre opération occupe cette enveloppe. Rien n’a été enregistré : recommencez dans un instant.",
            data={"rule": "busy"},
        )
    if isinstance(error, DataError):
        return Refused("Ce montant est trop grand.", field="amount", data={"rule": "overflow"})
    rule = getattr(diagnostic, "constraint_name", None) or ""
    if state != "23514" or not rule.startswith("budget_"):
        return None
    figures = _figures(getattr(diagnostic, "message_detail", None))
    sentence = SENTENCES.get(rule)
    if sentence is None or (not figures and sentence in (_envelope, _reserved, _committed, _paid, _credits)):
        return Refused("Ce mouvement n’est pas permis sur cette enveloppe.", data={"rule": rule, **figures})
    return Refused(sentence(figures), field="amount", data={"rule": rule, **figures})


def _figures(detail: str | None) -> Figures:
    """The JSON that the guards put in DETAIL; a plain CHECK puts the row there instead, which says nothing here."""
    try:
        found = json.loads(detail or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}

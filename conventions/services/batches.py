"""From a released list to conventions to be written."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from applications.models import Application
from budget.models import LedgerEntry
from conventions.enums import ConventionState
from conventions.facts import collect, missing_facts
from conventions.models import Batch, Convention, ConventionTemplate
from core import outbox
from core.errors import Refused
from core.journal import record
from core.series import take_number
from jury.models import Decision, DecisionList

if TYPE_CHECKING:
    from accounts.models import User

# No 0, O, 1, I, L: the code is read aloud and typed from paper. 31 letters and digits, 12 of them: 59 bits.
ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def new_verification_code() -> str:
    """A random code printed on the document, as three groups of four."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(3))


def open_batch(
    *,
    decision_list: DecisionList,
    decisions: Sequence[Decision],
    reservations: Mapping[Any, LedgerEntry],
    at: datetime,
    actor: "User | None",
) -> Batch | None:
    """Creates one convention per award of a released list and asks the worker to write them.

    Called by the release, inside its transaction: conventions, reservations and numbers exist together or not at
    all. ``reservations``: dossier id → ledger entry. None when the list awards nothing. Raises Refused when a
    mandatory fact is missing (décret 2018-514, art. 8).
    """
    if not decisions:
        return None
    template = _template_for(decisions[0].application, at)
    batch = Batch.objects.create(decision_list=decision_list, created_at=at)
    for decision in decisions:
        reservation = reservations[decision.application_id]
        _open_convention(batch=batch, decision=decision, reservation=reservation, template=template, at=at, actor=actor)
    return batch


def _template_for(application: Application, at: datetime) -> ConventionTemplate:
    template = (
        ConventionTemplate.objects.filter(call_id=application.call_id, effective_at__lte=at)
        .order_by("-effective_at", "-version")
        .first()
    )
    if template is None:
        raise Refused(f"Aucun modèle de convention n’est en vigueur pour l’appel « {application.call.title} ».")
    return template


def _open_convention(
    *,
    batch: Batch,
    decision: Decision,
    reservation: LedgerEntry,
    template: ConventionTemplate,
    at: datetime,
    actor: "User | None",
) -> Convention:
    application = decision.application
    year = timezone.localtime(at).year
    number = f"CONV-{year}-{take_number(f'convention:{application.call.code}:{year}'):05d}"
    data = collect(decision=decision, number=number, reservation_id=str(reservation.pk), at=at)
    missing = missing_facts(data)
    if missing:
        raise Refused(
            f"La convention du dossier {application.number} ne peut pas être rédigée : il manque {', '.join(missing)}.",
            data={"application": str(application.pk), "missing": missing},
        )
    code = new_verification_code()
    convention = Convention.objects.create(
        number=number,
        verification_code=code,
        application=application,
        decision=decision,
        batch=batch,
        template=template,
        reservation=reservation,
        amount=decision.amount_granted,
        data={**data, "verification_code": code},
        created_at=at,
    )
    record(
        chain=convention.chain(),
        action="convention.open",
        at=at,
        actor=actor,
        to_state=ConventionState.PENDING,
        data={
            "application": str(application.pk),
            "number": number,
            "amount": data["amount"],
            "reservation": str(reservation.pk),
        },
    )
    outbox.enqueue(
        kind="conventions.write", payload={"convention": str(convention.pk)}, dedupe_key=f"convention:{convention.pk}"
    )
    return convention

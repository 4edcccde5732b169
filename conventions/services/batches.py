"""From a released list to conventions to be written."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from applications.models import Application
from budget.models import LedgerEntry
from conventions.enums import ConventionState
from conventions.facts import collect, missing_facts
from conventions.models import Batch, Convention, ConventionTemplate
from conventions.permissions import may_retry
from core import outbox
from core.errors import Refused
from core.journal import record
from core.models import OutboxMessage
from core.money import NBSP
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
    drafts = [_draft(decision, reservations[decision.application_id], at) for decision in decisions]
    missing = [sentence for draft in drafts if (sentence := draft.obstacle())]
    if missing:
        raise Refused(" ".join(missing), data={"missing": {d.data["application"]: d.missing for d in drafts}})
    batch = Batch.objects.create(decision_list=decision_list, created_at=at)
    for draft in drafts:
        _open_convention(batch=batch, draft=draft, template=template, at=at, actor=actor)
    return batch


@dataclass(frozen=True)
class _Draft:
    """The facts of one award, and those that the law requires and nobody stated."""

    decision: Decision
    reservation: LedgerEntry
    data: dict[str, Any]
    missing: list[str]

    def obstacle(self) -> str:
        if not self.missing:
            return ""
        return (
            f"La convention du dossier {self.data['application']} ne peut pas être rédigée{NBSP}: "
            f"il manque {', '.join(self.missing)}."
        )


def _draft(decision: Decision, reservation: LedgerEntry, at: datetime) -> _Draft:
    """Draws the number too: should the list be refused, the transaction gives it back."""
    year = timezone.localtime(at).year
    number = f"CONV-{year}-{take_number(f'convention:{year}'):05d}"
    data = collect(decision=decision, number=number, reservation_id=str(reservation.pk), at=at)
    return _Draft(decision, reservation, data, missing_facts(data))


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
    *, batch: Batch, draft: _Draft, template: ConventionTemplate, at: datetime, actor: "User | None"
) -> Convention:
    code = new_verification_code()
    convention = Convention.objects.create(
        number=draft.data["number"],
        verification_code=code,
        application=draft.decision.application,
        decision=draft.decision,
        batch=batch,
        template=template,
        reservation=draft.reservation,
        amount=Decimal(draft.data["amount"]),
        data=draft.data,
        created_at=at,
    )
    record(
        chain=convention.chain(),
        action="convention.open",
        at=at,
        actor=actor,
        to_state=ConventionState.PENDING,
        data={
            "application": str(convention.application_id),
            "number": convention.number,
            "amount": draft.data["amount"],
            "reservation": str(draft.reservation.pk),
        },
    )
    outbox.enqueue(
        kind="conventions.write", payload={"convention": str(convention.pk)}, dedupe_key=message_key(convention.pk)
    )
    return convention


def message_key(convention_id: Any) -> str:
    """Key of the message that asks the worker to write this convention."""
    return f"convention:{convention_id}"


@dataclass(frozen=True)
class Trouble:
    """A convention that the worker could not write yet: how many tries, and whether it still tries by itself."""

    convention: Convention
    attempts: int
    is_abandoned: bool
    next_try_at: datetime


def troubles_of(batch: Batch) -> list[Trouble]:
    """Conventions of the batch whose writing failed at least once and is not done, by number."""
    pending = {message_key(row.pk): row for row in batch.conventions.filter(state=ConventionState.PENDING)}
    messages = OutboxMessage.objects.filter(dedupe_key__in=pending, delivered_at__isnull=True).exclude(last_error="")
    found = [
        Trouble(pending[row.dedupe_key], row.attempts, row.abandoned_at is not None, row.available_at)
        for row in messages
    ]
    return sorted(found, key=lambda trouble: trouble.convention.number)


def retry_batch(*, batch: Batch, at: datetime, actor: "User") -> int:
    """Asks the worker again, at once, for every convention of the batch that is not written. Returns how many.

    Those being written are left alone: the message is delivered by one process at a time. Refused to whoever is not
    an officer on the batch's axis.
    """
    if not may_retry(actor, batch):
        raise Refused("Seul un gestionnaire du ministère sur cet axe relance la rédaction.")
    with transaction.atomic():
        keys = [
            message_key(pk)
            for pk in batch.conventions.filter(state=ConventionState.PENDING).values_list("pk", flat=True)
        ]
        rows = OutboxMessage.objects.select_for_update().filter(dedupe_key__in=keys, delivered_at__isnull=True)
        messages = list(rows.order_by("pk"))
        OutboxMessage.objects.filter(pk__in=[row.pk for row in messages]).update(
            available_at=timezone.now(), abandoned_at=None, attempts=0
        )
        record(
            chain=f"call:{batch.decision_list.deliberation.jury.session.axis.call.code}",
            action="conventions.batch_retried",
            at=at,
            actor=actor,
            data={"batch": str(batch.pk), "messages": len(messages)},
        )
        for row in messages:
            transaction.on_commit(partial(outbox.ring, str(row.pk)), robust=True)
    return len(messages)

"""Who may open the pages of conventions, and what is open to everyone: verification, open data.

Jurors and chairs see no convention; members of the jury have no seat in what follows the decision.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from conventions.enums import ConventionState
from conventions.models import Repayment
from tests.access.model import (
    ADMINISTRATOR,
    APPLICANT,
    AUDITOR,
    EVERYONE,
    OFFICER,
    OTHER_SCREENER,
    RELEASER,
    REPRESENTATIVE,
    SCREENER,
    SIGNATORY,
    STRANGER,
    Route,
)

AGENTS = frozenset({SCREENER, OFFICER, RELEASER, SIGNATORY, AUDITOR, ADMINISTRATOR})
BENEFICIARIES = frozenset({APPLICANT, REPRESENTATIVE})
READERS = AGENTS | BENEFICIARIES
# Lists open to whoever may hold something in them, each showing only what its reader may see.
LISTED = READERS | {STRANGER, OTHER_SCREENER}


def _number(state: ConventionState) -> Callable[[Any], dict[str, Any]]:
    return lambda world: {"number": world.conventions[state].number}


_sealed = _number(ConventionState.SEALED)
_signed = _number(ConventionState.SIGNED)
_paid = _number(ConventionState.PAID)


def _batch(world: Any) -> dict[str, Any]:
    return {"pk": world.conventions[ConventionState.PAID].batch_id}


def _report(world: Any) -> dict[str, Any]:
    return {**_paid(world), "pk": world.report.pk}


def _repayment(world: Any) -> dict[str, Any]:
    return {**_paid(world), "pk": world.repayment.pk}


def _decided_repayment(world: Any) -> dict[str, Any]:
    """The same procedure once decided: only then may the money be received."""
    notified_at = world.repayment.notified_at
    Repayment.objects.filter(pk=world.repayment.pk).update(
        answer="Nos observations.",
        answered_at=notified_at + timedelta(days=1),
        decided_at=notified_at + timedelta(days=2),
        amount_decided=Decimal("1000.00"),
        decision_reason="Le motif.",
    )
    return _repayment(world)


ROUTES: dict[str, Route] = {
    "convention_list": Route(LISTED),
    "convention_export": Route(AGENTS | {OTHER_SCREENER}, lambda world: {"file_format": "csv"}),
    "signing_queue": Route(frozenset({SIGNATORY})),
    "batch_list": Route(AGENTS | {OTHER_SCREENER}),
    "batch_detail": Route(AGENTS, _batch),
    "batch_progress": Route(AGENTS, _batch),
    "batch_retry": Route(frozenset({OFFICER}), _batch, "post"),
    "convention_detail": Route(READERS, _paid),
    "convention_document": Route(READERS, _signed),
    # Whose signature is awaited, now or later; at another's turn the page sends back to the convention.
    "convention_sign": Route(frozenset({REPRESENTATIVE, SIGNATORY}), _sealed),
    "convention_pay": Route(frozenset({OFFICER}), _signed),
    "report_new": Route(BENEFICIARIES, _signed),
    "report_file": Route(READERS, _report),
    "repayment_notify": Route(frozenset({OFFICER}), _paid),
    "repayment_detail": Route(READERS, _repayment),
    "repayment_answer": Route(BENEFICIARIES, _repayment),
    "repayment_decide": Route(frozenset({OFFICER}), _repayment),
    "repayment_receive": Route(frozenset({OFFICER}), _decided_repayment),
    "document_verify": Route(EVERYONE),
    "document_verify_typed": Route(EVERYONE, method="post"),
    "document_verify_number": Route(EVERYONE, _signed),
    "open_data": Route(EVERYONE),
    "open_data_csv": Route(EVERYONE),
}

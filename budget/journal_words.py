"""What the journal says of the ledger, in French: one act per movement, written by the ledger's own trigger."""

from typing import Any

from django.utils import timezone

from budget.enums import CreditKind, Movement
from budget.permissions import reading_of
from core import journal_words
from core.journal_names import names_in


def envelopes(reader: Any, ids: set[str]) -> dict[str, str]:
    """Those whose money the reader may read."""
    return names_in(reading_of(reader, timezone.now()).envelopes(), ids)


journal_words.register(
    acts={f"ledger.{movement.value}": f"Grand livre\u00a0: {movement.label}" for movement in Movement},
    data={
        "entry": "écriture",
        "sequence": "rang dans l’enveloppe",
        "credit_kind": "crédits",
        "reverses": "annule l’écriture",
        "row_hash": "empreinte de l’écriture",
    },
    chains={"envelope": "Enveloppe"},
    names=dict.fromkeys(("envelope:", "envelope"), envelopes),
    values={"credit_kind": CreditKind},
)

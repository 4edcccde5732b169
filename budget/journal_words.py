"""What the journal says of the ledger, in French: one act per movement, written by the ledger's own trigger."""

from budget.enums import CreditKind, Movement
from core import journal_words

journal_words.register(
    acts={f"ledger.{movement.value}": f"Grand livre\u00a0: {movement.label}" for movement in Movement},
    data={
        "entry": "écriture",
        "sequence": "rang dans l’enveloppe",
        "credit_kind": "crédits",
        "reverses": "annule l’écriture",
        "row_hash": "empreinte de l’écriture",
    },
    values={"credit_kind": CreditKind},
)

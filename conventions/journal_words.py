"""What the journal says of conventions, in French."""

from typing import Any

from conventions.enums import ConventionState, RevisionKind
from conventions.models import Convention, Repayment
from conventions.presentation import ACTS
from core import journal_words
from core.journal_names import names_in


def numbers(reader: Any, ids: set[str]) -> dict[str, str]:
    """Of the conventions that the reader may open."""
    return names_in(Convention.objects.visible_to(reader).only("number"), ids)


journal_words.register(
    acts={
        **ACTS,
        "convention.sign_for_beneficiary": "Convention signée par le représentant légal",
        "convention.sign_for_state": "Convention signée pour l’État, crédits engagés",
        "conventions.batch_retried": "Rédaction des conventions relancée",
    },
    states={"convention": ConventionState},
    data={
        "convention": "convention",
        "reservation": "écriture de réservation",
        "commitment": "écriture d’engagement",
        "level": "niveau",
        "certificate": "certificat",
        "confirmation": "confirmation",
        "base_sha256": "empreinte de la version signée",
        "reference": "référence",
        "batch": "lot",
        "messages": "documents relancés",
        "signing": "signature",
        "signing_id": "signature",
        "report": "compte rendu",
        "is_final": "définitif",
        "repayment": "reversement",
        "ground": "motif",
        "spent": "dépensé (€)",
        "missing": "manque (€)",
    },
    chains={"convention": "Convention"},
    names=dict.fromkeys(("convention:", "convention"), numbers),
    values={"kind": RevisionKind, "ground": Repayment.Ground},
)

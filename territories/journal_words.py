"""What the journal says of the people who act for an authority, in French."""

from typing import Any

from core import journal_words
from core.journal_names import names_in
from territories.enums import AffiliationRole
from territories.models import Organisation


def organisations(reader: Any, ids: set[str]) -> dict[str, str]:
    """Authorities, whose names are public."""
    return names_in(Organisation.objects.only("name"), ids)


journal_words.register(
    acts={
        "affiliation.requested": "Rattachement demandé",
        "affiliation.validated": "Rattachement accepté",
        "affiliation.refused": "Rattachement refusé",
        "affiliation.ended": "Rattachement terminé",
    },
    data={"affiliation": "rattachement", "organisation": "collectivité", "role": "fonction"},
    chains={"organisation": "Collectivité"},
    names=dict.fromkeys(("organisation:", "organisation"), organisations),
    values={"role": AffiliationRole},
)

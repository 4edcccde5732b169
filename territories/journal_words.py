"""What the journal says of the people who act for an authority, in French."""

from core import journal_words
from territories.enums import AffiliationRole

journal_words.register(
    acts={
        "affiliation.requested": "Rattachement demandé",
        "affiliation.validated": "Rattachement accepté",
        "affiliation.refused": "Rattachement refusé",
        "affiliation.ended": "Rattachement terminé",
    },
    data={"affiliation": "rattachement", "organisation": "collectivité", "role": "fonction"},
    values={"role": AffiliationRole},
)

"""What the journal says of a call and its mandates, in French."""

from calls.enums import MandateRole
from core import journal_words

journal_words.register(
    acts={
        "call.installed": "Appel installé",
        "mandate.granted": "Mandat donné",
        "mandate.ended": "Mandat terminé",
        "mandate.cancelled": "Mandat à venir annulé",
    },
    data={"call": "appel", "axis": "axe", "mandate": "mandat", "departement": "département", "region": "région"},
    values={"role": MandateRole},
)

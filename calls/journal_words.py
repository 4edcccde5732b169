"""What the journal says of a call and its mandates, in French."""

from calls.enums import MandateRole
from core import journal_words

journal_words.register(
    acts={
        "call.installed": "Appel installé",
        "call.questions_copied": "Questions reprises de la version précédente",
        "call.rules_copied": "Règles d’éligibilité reprises de la version précédente",
        "mandate.granted": "Mandat donné",
        "mandate.ended": "Mandat terminé",
        "mandate.cancelled": "Mandat à venir annulé",
    },
    data={
        "from_version": "de la version",
        "to_version": "à la version",
        "count": "nombre",
        "call": "appel",
        "axis": "axe",
        "mandate": "mandat",
        "departement": "département",
        "region": "région",
    },
    values={"role": MandateRole},
)

"""What the journal says of a dossier, in French."""

from typing import Any

from applications.enums import ApplicationState, AttachmentKind, SwornAs
from applications.models import Application
from applications.presentation import ACTS
from calls.enums import Verdict
from core import journal_words
from core.journal_names import names_in


def numbers(reader: Any, ids: set[str]) -> dict[str, str]:
    """Of the dossiers that the reader may open; a draft has none."""
    filed = Application.objects.visible_to(reader).filter(number__isnull=False)
    return names_in(filed.only("number"), ids)


journal_words.register(
    acts={
        **ACTS,
        "application.add_attachment": "Pièce jointe ajoutée",
        "application.remove_attachment": "Pièce jointe retirée",
    },
    states={"application": ApplicationState},
    data={
        "kind": "nature",
        "attachment": "pièce",
        "session": "relève",
        "verdict": "éligibilité",
        "vintage": "millésime",
        "population": "population (habitants)",
        "sworn_as": "en qualité de",
        "total_cost": "coût total (€)",
        "eligible_cost": "dépenses éligibles (€)",
        "amount_requested": "aide demandée (€)",
        "rules_version": "version du règlement",
        "content_sha256": "empreinte du contenu",
        "sha256": "empreinte du fichier",
        "items": "demandé",
        "request": "demande de compléments",
        "due_at": "réponse attendue le",
        "decision_due_at": "décision attendue le",
        "section": "rubrique",
    },
    chains={"application": "Dossier"},
    names=dict.fromkeys(("application:", "application", "applications"), numbers),
    values={"sworn_as": SwornAs, "verdict": Verdict, "kind": AttachmentKind},
)

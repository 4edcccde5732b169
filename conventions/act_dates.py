"""The date of an act in the call and the instant that its timestamp proves: said plainly where they differ.

A call may be played at its own dates; a timestamp is always that of the real day.
"""

from datetime import datetime, timedelta

from django.conf import settings

from conventions.enums import RevisionKind
from conventions.models import Convention
from core.money import NBSP, NNBSP
from core.templatetags.guichet import paris_date

TOLERANCE = timedelta(days=1)
# For each act, its date in the convention and the words around it.
ACTS = {
    RevisionKind.SEALED: ("sealed_at", "Le cachet est daté", "où il a été apposé"),
    RevisionKind.BENEFICIARY: ("beneficiary_signed_at", "L’acte est daté", "de la signature"),
    RevisionKind.STATE: ("signed_at", "L’acte est daté", "de la signature"),
}


def dates_explained(convention: Convention, *, sha256: str = "") -> list[str]:
    """Why the last act and its timestamp bear two dates, more than a day apart; nothing when they agree.

    ``sha256``: that of the version read, when it is not the last one.
    """
    rows = convention.revisions.exclude(kind=RevisionKind.RENDERED).order_by("-id")
    last = rows.filter(sha256=sha256).first() if sha256 else rows.first()
    if last is None:
        return []
    field, is_dated, day = ACTS[RevisionKind(last.kind)]
    acted_at: datetime | None = getattr(convention, field)
    proved_at = last.timestamped_at
    if acted_at is None or proved_at is None or abs(proved_at - acted_at) <= TOLERANCE:
        return []
    found = [
        f"{is_dated} du {paris_date(acted_at)} dans l’appel{NNBSP}; l’horodatage, lui, prouve le jour réel {day}, "
        f"le {paris_date(proved_at)}."
    ]
    if settings.DEMONSTRATION:
        year = convention.application.call.opens_at.year
        found.append(
            f"Démonstration{NBSP}: l’appel de {year} est rejoué. Chaque acte garde la date qu’il aurait eue, et chaque "
            "horodatage celle du jour où il a été demandé."
        )
    return found

"""Menu entries of this room."""

from typing import Any

from django.utils import timezone

from core.navigation import once, register, signed_in
from territories.models import Affiliation
from territories.services import requests_to


def may_belong_to_an_authority(user: Any) -> bool:
    """Agents of the State and jurors, whose mandates require a second factor, see it only if they joined an authority."""
    if not signed_in(user) or not user.requires_second_factor:
        return bool(signed_in(user))
    return once(user, "territories.affiliated", lambda: Affiliation.objects.filter(user=user).exists())


def to_join(user: Any) -> str:
    """Who asks to join the authority that the person represents; for whoever acts for nobody yet, the authority to find,
    or the answer that is awaited."""
    asking = requests_to(user, timezone.now()).count()
    if asking:
        return (
            "1 demande de rattachement à examiner" if asking == 1 else f"{asking} demandes de rattachement à examiner"
        )
    if user.requires_second_factor:
        return ""
    rows = list(Affiliation.objects.filter(user=user).select_related("organisation").order_by("-id"))
    if any(row.validated_at is not None and row.ends_at is None for row in rows):
        return ""
    waiting = [row.organisation.name for row in rows if row.validated_at is None and row.ends_at is None]
    return (
        f"Demande transmise pour {', '.join(waiting)}\u00a0: une réponse vous arrivera par courriel"
        if waiting
        else "Trouver votre collectivité"
    )


register(
    "Ma collectivité",
    "Ma collectivité",
    "affiliation_home",
    visible=may_belong_to_an_authority,
    order=20,
    todo=to_join,
)

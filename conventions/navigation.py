"""Menu entries of this room."""

from typing import Any

from django.utils import timezone

from conventions.enums import ConventionState
from conventions.models import Convention
from conventions.permissions import agent_scope, awaiting_signature, is_signatory, reads_conventions
from core.navigation import counted, everyone, register
from territories.enums import AffiliationRole
from territories.models import Affiliation


def follows_batches(user: object) -> bool:
    """Agents of the State see how far the worker is."""
    return reads_conventions(user) and bool(agent_scope(user))


def to_sign(user: Any) -> str:
    """Conventions that wait for this legal representative."""
    roles = Affiliation.objects.current(timezone.now()).filter(user=user, role=AffiliationRole.LEGAL_REPRESENTATIVE)
    rows = Convention.objects.visible_to(user).filter(
        state=ConventionState.SEALED, application__organisation__in=roles.values("organisation")
    )
    return counted(rows.count(), "convention à signer", "conventions à signer")


def to_sign_for_the_state(user: Any) -> str:
    """Conventions that the beneficiary has signed, for the State's signatory."""
    rows = awaiting_signature(user)
    return counted(rows.count(), "convention à signer pour l’État", "conventions à signer pour l’État")


register("Conventions", "Conventions", "convention_list", visible=reads_conventions, order=60, todo=to_sign)
register(
    "Conventions",
    "À signer pour l’État",
    "signing_queue",
    visible=is_signatory,
    order=61,
    todo=to_sign_for_the_state,
)
register("Conventions", "Rédaction en cours", "batch_list", visible=follows_batches, order=62)
register("Vérifier un document", "Vérifier un document", "document_verify", visible=everyone, order=80)
register("Données ouvertes", "Données ouvertes", "open_data", visible=everyone, order=81)

"""Menu entries of this room."""

from conventions.permissions import agent_scope, is_signatory, reads_conventions
from core.navigation import everyone, register


def follows_batches(user: object) -> bool:
    """Agents of the State see how far the worker is."""
    return reads_conventions(user) and bool(agent_scope(user))


register("Conventions", "Conventions", "convention_list", visible=reads_conventions, order=60)
register("Conventions", "À signer pour l’État", "signing_queue", visible=is_signatory, order=61)
register("Conventions", "Rédaction en cours", "batch_list", visible=follows_batches, order=62)
register("Vérifier un document", "Vérifier un document", "document_verify", visible=everyone, order=80)
register("Données ouvertes", "Données ouvertes", "open_data", visible=everyone, order=81)

"""Menu entries of this room."""

from typing import Any

from django.urls import reverse

from conventions.permissions import agent_scope, awaiting_signature, is_signatory, reads_conventions
from conventions.waiting import batches_to_retry, works_of
from core.navigation import Link, counted, everyone, register


def follows_batches(user: object) -> bool:
    """Agents of the State see how far the worker is."""
    return reads_conventions(user) and bool(agent_scope(user))


def to_do(user: Any) -> list[Link]:
    """Conventions to sign, to pay or to decide on, each kind with the list that shows exactly those."""
    counts = [(work, work.rows(user).count()) for work in works_of(user) if work.is_told]
    return [
        Link(counted(count, work.one, work.many), f"{reverse('convention_list')}?attente={work.code}")
        for work, count in counts
        if count
    ]


def to_retry(user: Any) -> str:
    """Batches that the worker has given up."""
    return counted(len(batches_to_retry(user)), "lot de conventions à relancer", "lots de conventions à relancer")


def to_sign_for_the_state(user: Any) -> str:
    """Conventions that the beneficiary has signed, for the State's signatory."""
    rows = awaiting_signature(user)
    return counted(rows.count(), "convention à signer pour l’État", "conventions à signer pour l’État")


register("Conventions", "Conventions", "convention_list", visible=reads_conventions, order=60, todo=to_do)
register(
    "Conventions",
    "À signer pour l’État",
    "signing_queue",
    visible=is_signatory,
    order=61,
    todo=to_sign_for_the_state,
)
register(
    "Conventions",
    "Rédaction en cours",
    "batch_list",
    visible=follows_batches,
    order=62,
    todo=to_retry,
    todo_query="?attente=reprise",
)
register("Vérifier un document", "Vérifier un document", "document_verify", visible=everyone, order=80)
register("Données ouvertes", "Données ouvertes", "open_data", visible=everyone, order=81)

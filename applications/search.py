"""The screener's list: search, filters and order, each answered by an index."""

from datetime import datetime, timedelta

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Q

from applications.enums import UNDECIDED
from applications.enums import ApplicationState as State
from applications.models import ApplicationQuerySet
from territories.names import normalise

SOON = timedelta(days=15)
ORDERS = {
    "depot": ("submitted_at", "id"),
    "-depot": ("-submitted_at", "id"),
    "numero": ("number",),
    "-numero": ("-number",),
    "montant": ("amount_requested", "id"),
    "-montant": ("-amount_requested", "id"),
    "echeance": ("decision_due_at", "id"),
    "-echeance": ("-decision_due_at", "id"),
}
DEFAULT_ORDER = "-depot"


def matching(rows: ApplicationQuerySet, text: str) -> ApplicationQuerySet:
    """Dossiers that hold every word typed (or its beginning), accents and case aside. Nothing typed keeps all;
    signs alone are in no dossier."""
    words = normalise(text).split()[:10]
    if not words:
        return rows.none() if text.strip() else rows
    query = SearchQuery(" & ".join(f"{word}:*" for word in words), search_type="raw", config="simple")
    return rows.annotate(words=SearchVector("search_text", config="simple")).filter(words=query)


def filtered(rows: ApplicationQuerySet, wanted: dict[str, str], at: datetime) -> ApplicationQuerySet:
    """The rows that the filters of the list keep."""
    columns = {"axe": "axis__code", "etat": "state", "releve": "session", "departement": "departement_code"}
    for name, column in columns.items():
        if wanted.get(name):
            rows = rows.filter(**{column: wanted[name]})
    if wanted.get("retard"):
        rows = rows.filter(_late(wanted["retard"], at))
    return matching(rows, wanted.get("q", ""))


def _late(kind: str, at: datetime) -> Q:
    if kind == "completude":
        return Q(state=State.SUBMITTED, completed_at__isnull=True, completeness_due_at__lte=at + SOON)
    if kind == "decision":
        return Q(state__in=UNDECIDED, decision_due_at__lt=at)
    return Q(
        state=State.COMPLETION_REQUESTED,
        completion_requests__answered_at__isnull=True,
        completion_requests__due_at__lt=at,
    )


def ordered(rows: ApplicationQuerySet, key: str) -> ApplicationQuerySet:
    """The rows in the order asked for, or the latest filed first."""
    return rows.order_by(*ORDERS.get(key, ORDERS[DEFAULT_ORDER]))

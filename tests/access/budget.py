"""Who may open the pages of the budget."""

from typing import Any

from budget.models import Envelope
from tests.access.model import AUDITOR, CHAIR, OFFICER, RELEASER, SIGNATORY, Route

# Entries and dossiers; a chair reads totals only.
DETAIL = frozenset({OFFICER, RELEASER, SIGNATORY, AUDITOR})
TOTALS = DETAIL | {CHAIR}


def _call(world: Any) -> dict[str, Any]:
    return {"call": world.application.call.code}


def _export(world: Any) -> dict[str, Any]:
    return {**_call(world), "file_format": "csv"}


def _envelope(world: Any) -> dict[str, Any]:
    """An envelope of the dossier's own axis, which a mandate of that axis covers."""
    application = world.application
    envelope = Envelope.objects.filter(call=application.call, axis=application.axis).order_by("pk").first()
    return {**_call(world), "envelope": envelope.code if envelope else "aucune"}


def _entries(world: Any) -> dict[str, Any]:
    return {**_envelope(world), "file_format": "csv"}


def _dossiers(world: Any) -> dict[str, Any]:
    return {**_envelope(world), "figure": "reserve"}


def _dossiers_export(world: Any) -> dict[str, Any]:
    return {**_dossiers(world), "file_format": "csv"}


ROUTES: dict[str, Route] = {
    "budget_overview": Route(TOTALS),
    "budget_call": Route(TOTALS, _call),
    "budget_export": Route(TOTALS, _export),
    "payment_credits_open": Route(frozenset({OFFICER}), _call),
    "envelope_detail": Route(TOTALS, _envelope),
    "envelope_entries_export": Route(DETAIL, _entries),
    "envelope_requests": Route(DETAIL, _envelope),
    "envelope_dossiers": Route(DETAIL, _dossiers),
    "envelope_dossiers_export": Route(DETAIL, _dossiers_export),
}

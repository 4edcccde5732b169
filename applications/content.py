"""The dossier as plain data: what was filed, for its fingerprint and for the rooms that write papers about it."""

import hashlib
import json
from decimal import Decimal
from typing import Any

from applications.models import Application
from core.models import JournalEntry
from core.money import amount_text

COLUMNS = (
    "title",
    "summary",
    "place",
    "tax_basis",
    "own_share_derogation",
    "representative_name",
    "representative_title",
    "representative_email",
    "contact_name",
    "contact_email",
    "contact_phone",
    "siret",
    "seat_address",
    "bank_holder",
    "iban",
    "bic",
)


def content_of(application: Application) -> dict[str, Any]:
    """Everything the applicant stated, as JSON values: amounts as text in euros, days as YYYY-MM-DD."""
    attachments = application.attachments.filter(removed_at__isnull=True).order_by("kind", "added_at", "id")
    return {
        **{name: getattr(application, name) for name in COLUMNS},
        "organisation": application.organisation_id,
        "axis": application.axis_id,
        "theme": application.theme_id,
        "has_prior_authorisation": application.has_prior_authorisation,
        "starts_on": _day(application.starts_on),
        "ends_on": _day(application.ends_on),
        "first_commitment_on": _day(application.first_commitment_on),
        "amount_requested": None if application.amount_requested is None else amount_text(application.amount_requested),
        "costs": [
            [row.label, row.category, row.nature, amount_text(row.amount)]
            for row in application.cost_lines.order_by("position", "id")
        ],
        "resources": [
            [row.kind, row.label, row.status, amount_text(row.amount)]
            for row in application.funding_lines.order_by("position", "id")
        ],
        "beneficiaries": [
            [row.organisation_id, amount_text(row.share), row.is_lead]
            for row in application.beneficiaries.order_by("organisation_id")
        ],
        "milestones": [[row.label, _day(row.due_on)] for row in application.milestones.order_by("due_on", "id")],
        "indicators": [
            [row.label, row.baseline, row.target] for row in application.indicators.order_by("position", "id")
        ],
        "answers": {
            row.question.code: row.value
            for row in application.answers.select_related("question").order_by("question__rules_version__number")
        },
        "attachments": [[row.kind, row.file.sha256] for row in attachments.select_related("file")],
    }


def amount_filed(application: Application) -> Decimal | None:
    """The aid asked for when the dossier was filed, in euros, as the journal holds it; None for a draft."""
    entry = JournalEntry.objects.filter(chain=application.chain, action="application.submit").order_by("number").last()
    return None if entry is None else Decimal(entry.data["amount_requested"])


def content_sha256(application: Application) -> str:
    """SHA-256 of the canonical text of ``content_of``."""
    text = json.dumps(content_of(application), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _day(day: Any) -> str | None:
    return None if day is None else str(day.isoformat())

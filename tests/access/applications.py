"""Who may open the pages of dossiers: those who file them, those who screen them."""

from typing import Any

from tests.access.model import (
    ADMINISTRATOR,
    APPLICANT,
    AUDITOR,
    CHAIR,
    EVERYONE_SIGNED_IN,
    JUROR,
    OFFICER,
    OTHER_SCREENER,
    RELEASER,
    REPRESENTATIVE,
    SCREENER,
    SIGNATORY,
    Route,
)

FILING = frozenset({APPLICANT, REPRESENTATIVE})
AGENTS = frozenset({SCREENER, OFFICER, RELEASER, SIGNATORY, AUDITOR, ADMINISTRATOR})
# Whoever may see the dossier may read its documents, jurors and chair included.
READING = FILING | AGENTS | {JUROR, CHAIR}
SCREENING = frozenset({SCREENER})


def _dossier(world: Any) -> dict[str, Any]:
    return {"pk": world.application.pk}


def _section(world: Any) -> dict[str, Any]:
    return {"pk": world.application.pk, "section": "projet"}


def _attachment(world: Any) -> dict[str, Any]:
    """One that a jury reads too: bank details are not for it (``test_withdrawn.py``)."""
    rows = world.application.attachments.filter(removed_at__isnull=True).exclude(kind="bank_details")
    attachment = rows.order_by("added_at", "pk")[0]
    return {"pk": world.application.pk, "attachment": attachment.pk}


ROUTES: dict[str, Route] = {
    "application_list": Route(EVERYONE_SIGNED_IN),
    "application_start": Route(EVERYONE_SIGNED_IN),
    "application_detail": Route(FILING, _dossier),
    "application_section": Route(FILING, _section),
    "application_totals": Route(FILING, _dossier, method="post"),
    "application_missing": Route(FILING, _dossier),
    "attachment_add": Route(FILING, _dossier, method="post"),
    "attachment_download": Route(READING, _attachment),
    "attachment_remove": Route(FILING, _attachment),
    "application_submit": Route(FILING, _dossier),
    "application_submitted": Route(FILING, _dossier),
    "application_withdraw": Route(FILING, _dossier),
    "completion_answer": Route(FILING, _dossier),
    "application_message": Route(FILING, _dossier, method="post"),
    "acknowledgement_download": Route(FILING | AGENTS, _dossier),
    "screening_list": Route(AGENTS | {OTHER_SCREENER}),
    "screening_export": Route(AGENTS | {OTHER_SCREENER}),
    "screening_detail": Route(AGENTS, _dossier),
    "screening_complete": Route(SCREENING, _dossier, method="post"),
    "screening_request": Route(SCREENING, _dossier),
    "screening_admissible": Route(SCREENING, _dossier),
    "screening_inadmissible": Route(SCREENING, _dossier),
    "screening_message": Route(SCREENING, _dossier, method="post"),
}

"""What the acknowledgement states, put in words once, at the filing: whatever changes later, it says what was received."""

from datetime import datetime
from typing import Any

from applications import notifications
from applications.clocks import add_months
from applications.completeness import assessment_of
from applications.models import Application
from applications.presentation import attachments_of
from core.money import euros
from core.templatetags.guichet import paris_date, paris_datetime


def statement_of(application: Application, received_at: datetime) -> dict[str, Any]:
    """The mentions of CRPA R112-5 and R112-11-1 and what was asked for, as texts ready to print; ``received_at`` fixes
    the time limits."""
    call = application.call
    return {
        **notifications.common_context(application),
        "siret": application.siret,
        "amount_requested": euros(application.amount_requested),
        "total_cost": euros(assessment_of(application, received_at).total_cost),
        "tax_basis": application.tax_basis.upper(),
        "received": paris_datetime(received_at),
        "completeness_due": paris_date(add_months(received_at, call.completeness_months)),
        "decision_due": paris_date(add_months(received_at, call.decision_months)),
        "attachments": [{"kind": row.get_kind_display(), "name": row.file.name} for row in attachments_of(application)],
    }

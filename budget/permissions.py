"""Who may read which envelopes: mandates in force decide, and an axis or a territory bounds what they open."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from budget.models import Envelope
from calls.enums import MandateRole
from calls.models import Call
from calls.permissions import Scope, territory_scope
from core.navigation import once

# Those who follow the money dossier by dossier; a chair follows the totals of the jury's axis and no more.
DETAIL_ROLES = (MandateRole.OFFICER, MandateRole.RELEASER, MandateRole.AUDITOR, MandateRole.SIGNATORY)
READ_ROLES = (*DETAIL_ROLES, MandateRole.CHAIR)


@dataclass(frozen=True)
class Reading:
    """What one person may read now: totals of ``scope``; entries and dossiers of ``detail`` as well."""

    scope: Scope
    detail: Scope

    def envelopes(self, *, with_detail: bool = False) -> QuerySet[Envelope]:
        """Envelopes whose totals (or entries and dossiers, ``with_detail``) the person may read."""
        wanted = self.detail if with_detail else self.scope
        return Envelope.objects.filter(pk__in=Envelope.objects.filter(_covered(wanted)).values("pk"))


def _covered(scope: Scope) -> Q:
    own = scope.as_q(call="call_id", axis="axis_id", departement="departement_code")
    # An axis without money of its own opens the envelope of the axis that funds it.
    funding = scope.as_q(call="call_id", axis="axis__funds__id", departement="departement_code")
    return own | funding


def reading_of(user: Any, at: datetime) -> Reading:
    """What the person's mandates in force at ``at`` open here."""
    scope = territory_scope(user, READ_ROLES, at)
    return Reading(scope, Scope(tuple(reach for reach in scope.reaches if reach.role in DETAIL_ROLES)))


def may_open_credits(user: Any, call: Call, at: datetime) -> bool:
    """An officer of the whole call opens payment credits; one of an axis or a territory does not."""
    reaches = territory_scope(user, [MandateRole.OFFICER], at).reaches
    return any(each.call_id == call.pk and each.axis_id is None and each.departements is None for each in reaches)


def is_budget_reader(user: Any) -> bool:
    """Whether the pages of the budget open to this person at all."""
    if not getattr(user, "is_authenticated", False):
        return False
    return once(user, "budget.reader", lambda: bool(territory_scope(user, READ_ROLES, timezone.now())))

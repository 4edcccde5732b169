"""What every act on a dossier begins and ends with."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from accounts.models import User
from applications.content import amount_filed
from applications.models import Application, Beneficiary, EligibilityRecord
from applications.permissions import is_denied
from applications.workflow import WORKFLOW
from calls.eligibility import AxisVerdict
from calls.models import RulesVersion
from core.errors import Refused
from core.journal import record
from core.money import euros
from territories.names import normalise

NOT_YOURS = "Vous n’avez pas, ou plus, le droit de faire cet acte sur ce dossier."


def lock(application: Application) -> Application:
    """The row as it is now, locked until the end of the transaction."""
    return (
        Application.objects.select_for_update(of=("self",))
        .select_related("call", "axis", "session", "organisation", "grouping", "rules_version", "created_by")
        .get(pk=application.pk)
    )


def authorise(application: Application, user: User, name: str, at: datetime) -> None:
    """Refused unless the person holds a role of the transition, and access was not refused to them."""
    if is_denied(user, application) or not WORKFLOW.holds(user, application, name, at):
        raise Refused(NOT_YOURS)


def move(
    application: Application,
    name: str,
    *,
    user: User,
    at: datetime,
    reason: str = "",
    data: dict[str, Any] | None = None,
    changed: tuple[str, ...] = (),
) -> None:
    """Plays the transition on a locked, authorised, checked dossier, saves ``changed`` and writes the journal."""
    before = application.state
    getattr(application, name)()
    application.search_text = search_text(application)
    application.save(update_fields=["state", "search_text", *changed])
    record(
        chain=application.chain,
        action=f"application.{name}",
        at=at,
        actor=user,
        from_state=before,
        to_state=application.state,
        reason=reason,
        data=data,
    )


def refuse_more_than_filed(application: Application) -> None:
    """Once filed, a request is completed, never raised: the others were filed before the session closed."""
    filed, asked = amount_filed(application), application.amount_requested
    if filed is not None and asked is not None and asked > filed:
        raise Refused(
            f"Vous avez demandé {euros(filed)} au dépôt\u00a0: l’aide demandée ne peut plus dépasser ce montant.",
            field="amount_requested",
        )


def keep_verdict(application: Application, rules: RulesVersion, verdict: AxisVerdict, at: datetime) -> None:
    """The verdict of each rule, as it is at ``at``; those kept before it remain."""
    EligibilityRecord.objects.create(
        application=application,
        rules_version=rules,
        verdict=verdict.verdict,
        rules=[rule.as_json() for rule in verdict.rules],
        population=verdict.population.total,
        evaluated_at=at,
    )


def one_filing_at_a_time(application: Application) -> None:
    """Locks the axis for each organisation that asks, always in the same order."""
    asking = {application.organisation_id}
    if application.grouping is not None:
        asking |= set(application.grouping.members.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        for pk in sorted(asking):
            cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [application.axis_id, pk])


def keep_sole_beneficiary(application: Application, requested: Decimal) -> None:
    """Whoever applies alone receives everything; ``requested`` in euros."""
    if application.grouping_id is None:
        Beneficiary.objects.update_or_create(
            application=application,
            organisation_id=application.organisation_id,
            defaults={"share": requested, "is_lead": True},
        )


def search_text(application: Application) -> str:
    """What a screener's search looks into: number, title, who applies, where; unaccented, lower case."""
    parts = [
        application.number or "",
        application.title,
        application.organisation.name,
        application.grouping.name if application.grouping else "",
        application.siret,
        application.departement_code,
    ]
    return normalise(" ".join(part for part in parts if part))

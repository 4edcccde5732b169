"""Who stands where towards a dossier: read from affiliations and mandates in force, never from the person's row."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, Q, QuerySet

from calls.enums import MandateRole
from calls.models import Mandate
from territories.models import Affiliation, Grouping

if TYPE_CHECKING:
    from applications.models import Application

APPLICANT = "applicant"
SCREENER = "screener"
DECIDER = "decider"

# Mandates that open the dossiers of their axis and territory. Jurors and chairs enter dossier by dossier (Access).
AGENT_ROLES = (
    MandateRole.SCREENER,
    MandateRole.OFFICER,
    MandateRole.RELEASER,
    MandateRole.SIGNATORY,
    MandateRole.AUDITOR,
    MandateRole.ADMINISTRATOR,
)
# Mandates under which a dossier opened to a person stays open.
SEAT_ROLES = (MandateRole.JUROR, MandateRole.CHAIR)
DECIDER_ROLES = (MandateRole.OFFICER, MandateRole.RELEASER)


def mandates_over(user: Any, application: "Application", at: datetime) -> QuerySet[Mandate]:
    """Mandates of the person in force at ``at`` that cover the dossier's axis and territory.

    None over a dossier of one's own side: nobody acts for the State on what their own organisation asks for.
    """
    if not getattr(user, "is_active", False):
        return Mandate.objects.none()
    own = Affiliation.objects.current(at).filter(_on_the_side_of(application), user=user)
    return (
        Mandate.objects.current(at)
        .filter(~Exists(own), user=user, call_id=application.call_id)
        .filter(Q(axis__isnull=True) | Q(axis_id=application.axis_id))
        .filter(
            Q(departement_code="", region_code="")
            | (Q(departement_code=application.departement_code) & ~Q(departement_code=""))
            | (Q(departement_code="", region_code=application.region_code) & ~Q(region_code=""))
        )
    )


def _on_the_side_of(application: "Application") -> Q:
    """Affiliations to the organisation that files or, in a grouping, to any of its members."""
    lead = Q(organisation_id=application.organisation_id)
    if application.grouping_id is None:
        return lead
    members = Grouping.members.through.objects.filter(grouping_id=application.grouping_id)
    return lead | Q(organisation_id__in=members.values("organisation_id"))


def is_applicant(user: Any, application: "Application", at: datetime) -> bool:
    """Affiliated, validated and in force, to the organisation that files (the lead of a grouping)."""
    if not getattr(user, "is_active", False):
        return False
    return Affiliation.objects.current(at).filter(user=user, organisation_id=application.organisation_id).exists()


def is_screener(user: Any, application: "Application", at: datetime) -> bool:
    """Holds a screener's mandate over the dossier's axis and territory."""
    return mandates_over(user, application, at).filter(role=MandateRole.SCREENER).exists()


def is_decider(user: Any, application: "Application", at: datetime) -> bool:
    """Holds a mandate of the ministry that releases decisions on this axis."""
    return mandates_over(user, application, at).filter(role__in=DECIDER_ROLES).exists()


def is_agent(user: Any, at: datetime) -> bool:
    """Holds any mandate that opens the pages of screening."""
    if not getattr(user, "is_active", False):
        return False
    return Mandate.objects.current(at).filter(user=user, role__in=AGENT_ROLES).exists()

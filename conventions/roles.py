"""Who stands where towards a convention."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from applications.permissions import is_denied
from applications.roles import is_applicant, mandates_over
from calls.enums import MandateRole
from territories.enums import AffiliationRole
from territories.models import Affiliation

if TYPE_CHECKING:
    from conventions.models import Convention

SYSTEM = "system"
REPRESENTATIVE = "representative"
SIGNATORY = "signatory"
OFFICER = "officer"


def is_system(user: Any, thing: Any, at: datetime) -> bool:
    """The worker acts without a person."""
    return user is None


def is_representative(user: Any, convention: "Convention", at: datetime) -> bool:
    """A validated legal representative of the organisation that signs (the lead of a grouping)."""
    if not getattr(user, "is_active", False):
        return False
    return (
        Affiliation.objects.current(at)
        .filter(
            user=user,
            organisation_id=convention.application.organisation_id,
            role=AffiliationRole.LEGAL_REPRESENTATIVE,
        )
        .exists()
    )


def is_signatory(user: Any, convention: "Convention", at: datetime) -> bool:
    """A signatory of the State mandated on the dossier's axis and territory."""
    return _is_mandated(user, convention, MandateRole.SIGNATORY, at)


def is_officer(user: Any, convention: "Convention", at: datetime) -> bool:
    """An officer of the ministry on the dossier's axis and territory."""
    return _is_mandated(user, convention, MandateRole.OFFICER, at)


def is_beneficiary(user: Any, convention: "Convention", at: datetime) -> bool:
    """Anybody affiliated to the organisation that signs: who reports and answers for it."""
    return is_applicant(user, convention.application, at)


def _is_mandated(user: Any, convention: "Convention", role: MandateRole, at: datetime) -> bool:
    """A recusal from the dossier closes what follows it too; no mandate holds over one's own organisation."""
    held = mandates_over(user, convention.application, at).filter(role=role).exists()
    return held and not is_denied(user, convention.application)

"""Who may see and do what with dossiers. One visibility function, used by pages, lists, counts, files and exports."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from applications.enums import AccessEffect
from applications.roles import AGENT_ROLES, SEAT_ROLES, is_agent, is_applicant
from applications.workflow import WORKFLOW
from calls.enums import MandateRole
from calls.models import Mandate
from core.navigation import once
from core.workflow import Transition
from territories.models import Affiliation, Grouping

if TYPE_CHECKING:
    from applications.models import Application, ApplicationQuerySet


def visible_applications(queryset: "ApplicationQuerySet", user: Any) -> "ApplicationQuerySet":
    """The dossiers of ``queryset`` that this person may see now.

    The applicant's side sees those of its organisations, drafts included, and those of groupings it belongs to.
    Agents see what was filed on the axes and territories of their mandates; jurors and chairs what was granted to
    them. A single refusal of access wins over all of it.
    """
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return queryset.none()
    at = timezone.now()
    seen = applicant_side(user, at) | (Q(submitted_at__isnull=False) & (agent_side(user, at) | granted(user, at)))
    return _admitted(queryset, user, seen)


def _admitted(queryset: "ApplicationQuerySet", user: Any, seen: Q) -> "ApplicationQuerySet":
    """What every list of dossiers ends with: a refusal of access wins over whatever opened the dossier."""
    return queryset.filter(seen).exclude(denied(user))


def applicant_side(user: Any, at: datetime) -> Q:
    """Filed or prepared by an organisation of the person, or by a grouping one of them belongs to."""
    mine = Affiliation.objects.current(at).filter(user=user)
    members = Grouping.members.through.objects.filter(organisation__in=mine.values("organisation"))
    return Q(Exists(mine.filter(organisation=OuterRef("organisation")))) | Q(
        Exists(members.filter(grouping=OuterRef("grouping")))
    )


def agent_side(user: Any, at: datetime) -> Q:
    """Covered by a mandate in force. One test per shape of mandate: each is a plain equality, which the database
    answers from a hashed list instead of asking again for every row."""
    mandates = Mandate.objects.current(at).filter(user=user, role__in=AGENT_ROLES)
    # A dossier without département or région must not match the empty text that means « everywhere ».
    territories = (
        mandates.filter(departement_code="", region_code=""),
        mandates.exclude(departement_code="").filter(departement_code=OuterRef("departement_code")),
        mandates.filter(departement_code="").exclude(region_code="").filter(region_code=OuterRef("region_code")),
    )
    covered = Q()
    for reach in territories:
        covered |= Q(Exists(reach.filter(axis__isnull=True, call=OuterRef("call"))))
        covered |= Q(Exists(reach.filter(axis=OuterRef("axis"))))
    return covered


def granted(user: Any, at: datetime) -> Q:
    """Opened to the person dossier by dossier (assignment to the jury, chair), as long as they sit in the jury."""
    seats = Mandate.objects.current(at).filter(user=user, role__in=SEAT_ROLES)
    sitting = Q(Exists(seats.filter(axis=OuterRef("axis")))) | Q(
        Exists(seats.filter(axis__isnull=True, call=OuterRef("call")))
    )
    return Q(Exists(_accesses(user, AccessEffect.GRANT))) & sitting


def denied(user: Any) -> Q:
    """Closed to the person dossier by dossier (recusal); wins over everything."""
    return Q(Exists(_accesses(user, AccessEffect.DENY)))


def _accesses(user: Any, effect: AccessEffect) -> Any:
    from applications.models import Access

    return Access.objects.filter(user=user, effect=effect, application=OuterRef("pk"))


def reads_bank_details(user: Any, application: "Application", at: datetime) -> bool:
    """Whether what is not for a jury is open (bank details, and papers that name them): to those who file and to
    agents."""
    seen = visible_applications(type(application).objects.filter(pk=application.pk), user)
    return seen.filter(applicant_side(user, at) | agent_side(user, at)).exists()


def screening_scope(
    queryset: "ApplicationQuerySet", user: Any, roles: Iterable[MandateRole] = AGENT_ROLES
) -> "ApplicationQuerySet":
    """What the pages of screening show: filed, visible, covered by a mandate, and not one's own dossiers.

    The part of ``visible_applications`` that ``agent_side`` opens, with the mandates read first: their axes and
    territories become constants that the indexes of the list answer. One query more, whatever the rows. ``roles``
    keeps to what some of the mandates cover.
    """
    if not getattr(user, "is_authenticated", False) or not user.is_active:
        return queryset.none()
    covered, at = Q(pk__in=[]), timezone.now()
    for mandate in Mandate.objects.current(at).filter(user=user, role__in=list(roles)):
        covered |= _reach(mandate)
    return _admitted(queryset, user, covered & Q(submitted_at__isnull=False)).exclude(own_dossiers(user, at))


def own_dossiers(user: Any, at: datetime, path: str = "") -> Q:
    """Dossiers of the person's organisations and of the groupings these belong to, over which they hold no role of
    the State. ``path`` leads from the rows filtered to the dossier. Two lists that the database reads once."""
    mine = Affiliation.objects.current(at).filter(user=user).values("organisation_id")
    shared = Grouping.members.through.objects.filter(organisation_id__in=mine).values("grouping_id")
    return Q(**{f"{path}organisation_id__in": mine}) | Q(**{f"{path}grouping_id__in": shared})


def _reach(mandate: Mandate) -> Q:
    reach = Q(call=mandate.call_id) if mandate.axis_id is None else Q(axis=mandate.axis_id)
    if mandate.departement_code:
        return reach & Q(departement_code=mandate.departement_code)
    if mandate.region_code:
        return reach & Q(region_code=mandate.region_code)
    return reach


def can(user: Any, application: "Application", action: str, at: datetime | None = None) -> bool:
    """Whether the person may play this transition of the workflow on this dossier now."""
    return any(row.name == action for row in possible_actions(user, application, at))


def possible_actions(user: Any, application: "Application", at: datetime | None = None) -> list[Transition]:
    """The transitions that the person may play now: the buttons of a page."""
    if is_denied(user, application):
        return []
    return WORKFLOW.available(user, application, at or timezone.now())


def is_denied(user: Any, application: "Application") -> bool:
    """Whether this dossier is closed to the person (recusal)."""
    return application.accesses.filter(user=user, effect=AccessEffect.DENY).exists()


def may_edit(user: Any, application: "Application", at: datetime) -> bool:
    """Whether the person may change the sections of this dossier now."""
    return application.is_editable and is_applicant(user, application, at) and not is_denied(user, application)


def is_screening_agent(user: Any) -> bool:
    """Whether the pages of screening open to this person at all."""
    if not getattr(user, "is_authenticated", False):
        return False
    return once(user, "applications.agent", lambda: is_agent(user, timezone.now()))


def has_organisation(user: Any) -> bool:
    """Whether the person is attached to an organisation and may thus prepare dossiers."""
    if not getattr(user, "is_authenticated", False):
        return False
    return once(
        user,
        "applications.affiliated",
        lambda: Affiliation.objects.current(timezone.now()).filter(user=user).exists(),
    )

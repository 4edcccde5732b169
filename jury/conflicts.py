"""What keeps somebody from a dossier without their saying so: they act for an applicant (loi 2013-907, art. 2), or sit no more."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from applications.models import Application
from calls.enums import MandateRole
from calls.models import Mandate
from jury.models import Juror
from territories.models import Affiliation

AFFILIATED = "Cette personne est rattachée à une collectivité de ce dossier : elle ne peut pas le lire pour le jury."
OWN_AFFILIATION = "Vous êtes rattaché à une collectivité de ce dossier : vous n’y prenez aucune part pour le jury."

# From a dossier to the organisations that apply: the lead, the grouping with its lead, the beneficiaries of the aid.
PATHS = ("organisation", "grouping__lead", "grouping__members", "beneficiaries__organisation")


def applicants_of(applications: Collection[Any]) -> dict[str, set[Any]]:
    """For each dossier (by id, as text), the organisations (by id) that apply by it. One query per path."""
    found: dict[str, set[Any]] = {str(key): set() for key in applications}
    for path in PATHS:
        rows = Application.objects.filter(pk__in=list(found)).exclude(**{f"{path}__isnull": True})
        for key, organisation in rows.order_by().values_list("pk", path):
            found[str(key)].add(organisation)
    return found


def affiliated_pairs(users: Collection[int], applications: Collection[Any], at: datetime) -> set[tuple[int, str]]:
    """Pairs (user id, dossier id as text) tied by an affiliation validated and in force at ``at``. Five queries."""
    applicants = applicants_of(applications)
    everyone: set[Any] = set().union(*applicants.values())
    rows = Affiliation.objects.current(at).filter(user__in=list(users), organisation__in=everyone)
    ties = set(rows.values_list("user_id", "organisation_id"))
    return {
        (user, key)
        for key, organisations in applicants.items()
        for user, organisation in ties
        if organisation in organisations
    }


def serving(at: datetime) -> QuerySet[Juror]:
    """Members who can still read: their account is open, and a mandate in force at ``at`` covers the axis of their jury."""
    axis = OuterRef("jury__session__axis")
    mandates = Mandate.objects.current(at).filter(
        Q(axis__isnull=True) | Q(axis=axis),
        user=OuterRef("user"),
        call=OuterRef("jury__session__axis__call"),
        role__in=[MandateRole.JUROR, MandateRole.CHAIR],
    )
    return Juror.objects.filter(Exists(mandates), user__is_active=True)


def is_affiliated(user_id: int, application: Application, at: datetime) -> bool:
    """Whether the person acts, at ``at``, for an organisation that applies by this dossier."""
    return bool(affiliated_pairs([user_id], [application.pk], at))


def organisations_of(user: Any, at: datetime) -> list[Any]:
    """Organisations (ids) for which the person acts at ``at``."""
    return list(
        Affiliation.objects.current(at).filter(user_id=user.pk).order_by().values_list("organisation", flat=True)
    )


def applied_by(organisations: Collection[Any]) -> Q:
    """Dossiers by which one of these organisations applies, as a condition on applications."""
    condition = Q(pk__in=[])
    for path in PATHS if organisations else ():
        condition |= Q(pk__in=Application.objects.filter(**{f"{path}__in": list(organisations)}).values("pk"))
    return condition

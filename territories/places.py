"""Départements and régions as the referential knows them, in any vintage."""

from django.db.models import Q

from territories.enums import TerritoryKind
from territories.models import Territory


def regions_around(departement: str) -> set[str]:
    """Codes of the régions in which this département is, or was; empty for a code that the referential does not know."""
    return _regions(Q(kind=TerritoryKind.DEPARTEMENT, code=departement) | Q(departement_code=departement))


def is_region(code: str) -> bool:
    """Whether the referential knows a région of this code."""
    return bool(_regions(Q(kind=TerritoryKind.REGION, code=code)))


def unknown_places(*, departement: str, region: str) -> dict[str, str]:
    """What the referential does not know of these codes, in French, by field; an empty code is none."""
    found: dict[str, str] = {}
    if departement and not regions_around(departement):
        found["departement_code"] = f"Le référentiel ne connaît pas de département {departement}."
    if region and not is_region(region):
        found["region_code"] = f"Le référentiel ne connaît pas de région {region}."
    return found


def _regions(condition: Q) -> set[str]:
    return set(Territory.objects.filter(condition).order_by().values_list("region_code", flat=True).distinct())

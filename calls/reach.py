"""Where a mandate may reach: a territory that the referential knows, and none for a seat in a jury."""

from django.db.models import Q

from calls.enums import MandateRole
from territories.enums import TerritoryKind
from territories.models import Territory

SITS = "Un jury siège pour tout l’axe\u00a0: ce rôle ne se limite pas à un territoire. Videz ce champ."


def obstacles(*, role: str, departement: str, region: str) -> dict[str, str]:
    """What is wrong with the territory of a mandate, in French, by field; nothing when all is well."""
    if role in (MandateRole.JUROR, MandateRole.CHAIR):
        given = {"departement_code": departement, "region_code": region}
        return {field: SITS for field, code in given.items() if code}
    found: dict[str, str] = {}
    known = Q(kind=TerritoryKind.DEPARTEMENT, code=departement) | Q(departement_code=departement)
    if departement and not _regions(known):
        found["departement_code"] = f"Le référentiel ne connaît pas de département {departement}."
    if region and not _regions(Q(kind=TerritoryKind.REGION, code=region)):
        found["region_code"] = f"Le référentiel ne connaît pas de région {region}."
    elif departement and region:
        found["region_code"] = (
            "Un mandat vaut pour un département ou pour une région\u00a0: ne gardez que l’un des deux."
        )
    return found


def _regions(condition: Q) -> set[str]:
    """The régions of what the referential holds there, in any vintage; empty when it holds nothing."""
    return set(Territory.objects.filter(condition).order_by().values_list("region_code", flat=True).distinct())

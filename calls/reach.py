"""Where a mandate may reach: a territory that the referential knows, and none for a seat in a jury."""

from calls.enums import MandateRole
from territories.places import unknown_places

SITS = "Un jury siège pour tout l’axe\u00a0: ce rôle ne se limite pas à un territoire. Videz ce champ."


def obstacles(*, role: str, departement: str, region: str) -> dict[str, str]:
    """What is wrong with the territory of a mandate, in French, by field; nothing when all is well."""
    if role in (MandateRole.JUROR, MandateRole.CHAIR):
        given = {"departement_code": departement, "region_code": region}
        return {field: SITS for field, code in given.items() if code}
    found = unknown_places(departement=departement, region=region)
    if departement and region and "region_code" not in found:
        found["region_code"] = (
            "Un mandat vaut pour un département ou pour une région\u00a0: ne gardez que l’un des deux."
        )
    return found

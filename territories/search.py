"""Search among the real authorities, as one types: by name (accents or not), SIREN, SIRET or INSEE code."""

import re
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import connection

from territories.models import Vintage
from territories.names import normalise
from territories.sirets import compact, validate_siren, validate_siret

MINIMUM_LENGTH = 2
POSTAL = 5  # digits of a postal code
SHOWN = 12  # at most, in a list that one reads
_SIREN_OR_SIRET = re.compile(r"^([0-9]{9})([0-9]{5})?$")
_CODE = re.compile(r"^([0-9]{5}|2[abAB][0-9]{3}|[0-9]{2,3}|2[abAB])$")
# Normalised: « mairie de Rennes », « la ville du Mans », of which « mairie de » is the beginning as one types;
# « 35042 Rennes Cedex 7 »; « Rennes (35) », « Rennes 35000 », « 35000 Rennes ».
_TOWN_HALL = re.compile(r"^(?:(?:la|l) )?(?:mairie|ville|commune)(?: (?:de|d|du|des))?(?: |$)")
# « Département de l’Isère », « conseil régional de Bretagne »: the referential names the place alone.
_COUNCIL = re.compile(
    r"^(?:(?:la|le) )?(?:departement|conseil departemental|conseil general|region|conseil regional)"
    r"(?: (?:de la|de l|de|du|des|d))?(?: |$)"
)
_CEDEX = re.compile(r" cedex(?: [0-9]{1,2})?(?= |$)")
_PLACE = re.compile(r"(?:([0-9]{5}) )?(.*?[a-z].*?)(?: (2[ab]|[0-9]{2,3}|[0-9]{5}))?")

_KIND_LABELS = {
    "commune": "Commune",
    "epci": "Intercommunalité",
    "ept": "Établissement public territorial",
    "departement": "Département",
    "region": "Région",
    "syndicat": "Syndicat",
    "mutualisation": "Structure de mutualisation",
}

# One statement: the territories of the vintage, the structures that are no territory, then the name of each
# département so that homonyms are told apart. 0 exact, 1 prefix, 2 words.
_COLUMNS = """
    SELECT found.rank, found.kind, found.code, found.siren, found.name, found.legal_form, found.population,
           found.departement_code, coalesce(departement.name, ''), found.organisation_id
    FROM ({union}) AS found
    LEFT JOIN territories_territory AS departement
           ON departement.vintage_id = %(year)s AND departement.kind = 'departement'
          AND departement.code = found.departement_code
    ORDER BY found.rank, found.population DESC NULLS LAST, found.search_name, found.code,
             found.organisation_id
"""
_TERRITORIES = """
    (SELECT {rank} AS rank, kind, code, siren, name, search_name, legal_form, population, departement_code,
            NULL::bigint AS organisation_id
     FROM territories_territory WHERE vintage_id = %(year)s AND {condition}
     ORDER BY rank, population DESC NULLS LAST, search_name, code LIMIT %(limit)s)
"""
_STRUCTURES = """
    (SELECT {rank} AS rank, kind, '' AS code, siren, name, search_name, '' AS legal_form, NULL::integer AS population,
            departement_code, id AS organisation_id
     FROM territories_organisation WHERE territory_code = '' AND {condition}
     ORDER BY rank, search_name, id LIMIT %(limit)s)
"""
_RANK_BY_NAME = """CASE WHEN search_name = %(name)s THEN 0 WHEN search_name LIKE %(prefix)s THEN 1 ELSE 2 END"""
_BY_WORDS = "to_tsvector('simple', coalesce(search_name, '')) @@ to_tsquery('simple', %(words)s)"


@dataclass(frozen=True)
class Hit:
    """One authority found. ``reference`` names it in addresses: « epci:243500139 » or « organisation:12 »."""

    kind: str
    code: str
    siren: str
    name: str
    legal_form: str
    population: int | None
    departement_code: str
    departement_name: str
    organisation_id: int | None

    @property
    def reference(self) -> str:
        return f"organisation:{self.organisation_id}" if self.organisation_id else f"{self.kind}:{self.code}"

    @property
    def kind_label(self) -> str:
        return _KIND_LABELS[self.kind]

    @property
    def place(self) -> str:
        """« Ille-et-Vilaine (35) », or nothing for a région."""
        if not self.departement_code or self.kind in {"departement", "region"}:
            return ""
        return f"{self.departement_name} ({self.departement_code})" if self.departement_name else self.departement_code


def search_territories(text: str, vintage: Vintage | int, limit: int = 20) -> list[Hit]:
    """At most ``limit`` authorities for what was typed, the best first, in one query, three at most.

    Order: exact name, then names that begin so, then names that hold every word; the most populated first.
    A SIREN, SIRET or INSEE code gives exactly what bears it. « Mairie de Rennes », « Rennes (35) », « 35000 Rennes » or
    « Rennes Cedex » find Rennes, « département de l’Isère » finds Isère, unless a name begins as they do (Ville-d’Avray).
    """
    year = vintage.pk if isinstance(vintage, Vintage) else vintage
    number = compact(text)
    identifier = _SIREN_OR_SIRET.match(number)
    if identifier:
        return _run(year, limit, "siren = %(siren)s", "siren = %(siren)s", siren=identifier.group(1))
    if _CODE.match(number):
        # A SIREN half typed also looks like a code: no structure is found by it.
        return _run(year, limit, "code = %(code)s AND kind IN ('commune', 'departement')", "false", code=number.upper())
    name = normalise(text)
    if len(name) < MINIMUM_LENGTH:
        return []
    found = _by_name(year, limit, name)
    bare, place = _bare(name)
    if bare == name or len(bare) < MINIMUM_LENGTH or any(normalise(hit.name).startswith(name) for hit in found):
        return found
    found = _by_name(year, limit, bare, _departement(place)) or found
    # Some communes have the postal code of the département beside theirs.
    return found or (_by_name(year, limit, bare) if len(place) == POSTAL else [])


def _by_name(year: int, limit: int, name: str, departement: str = "") -> list[Hit]:
    words = " & ".join(f"{word}:*" for word in name.split())
    condition = f"{_BY_WORDS} AND departement_code = %(departement)s" if departement else _BY_WORDS
    return _run(
        year, limit, condition, condition, name=name, prefix=f"{name}%", words=words, departement=departement.upper()
    )


def _bare(name: str) -> tuple[str, str]:
    """The normalised ``name`` without « mairie de », « Cedex », a département or a postal code around it, and the latter."""
    placed = _PLACE.fullmatch(_CEDEX.sub("", name))
    if placed is None:
        return name, ""
    return _COUNCIL.sub("", _TOWN_HALL.sub("", placed.group(2))), placed.group(1) or placed.group(3) or ""


def _departement(place: str) -> str:
    """The code of the département of a postal code, if it tells it; a département as it is."""
    if len(place) != POSTAL:
        return place
    # The postal codes of Corsica, 20…, do not tell its two départements apart.
    return "" if place.startswith("20") else place[: 3 if place.startswith("97") else 2]


def nothing_found(text: str) -> str:
    """What to tell someone whose search finds nothing: a number whose key is wrong is told as such."""
    digits = compact(text)
    validate = {9: validate_siren, 14: validate_siret}.get(len(digits)) if digits.isdecimal() else None
    if len(digits) == POSTAL and digits.isdecimal():
        return (
            "Aucune commune n’a ce code INSEE. Si c’est un code postal, tapez plutôt le nom de la commune\u00a0: plusieurs "
            "communes ont souvent le même."
        )
    if validate is None:
        return (
            "Aucune collectivité ne correspond. Essayez un seul mot du nom, sans abréviation, ou le SIREN "
            "(9\u00a0chiffres), ou le code INSEE de la commune ou du département. Un syndicat, une structure de "
            "mutualisation ou une collectivité d’outre-mer peut manquer à notre référentiel\u00a0: écrivez alors au service "
            "chargé de l’appel, dont l’adresse figure sur la page de l’appel."
        )
    try:
        validate(digits)
    except ValidationError as error:
        return str(error.message)
    return (
        "Ce numéro n’est celui d’aucune collectivité que nous connaissons. Cherchez plutôt par le nom, ou par le code "
        "INSEE de la commune ou du département."
    )


def _run(year: int, limit: int, territories: str, structures: str, **parameters: str) -> list[Hit]:
    rank = _RANK_BY_NAME if "name" in parameters else "0"
    union = (
        _TERRITORIES.format(rank=rank, condition=territories)
        + " UNION ALL "
        + _STRUCTURES.format(rank=rank, condition=structures)
    )
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS.format(union=union) + " LIMIT %(limit)s", {"year": year, "limit": limit, **parameters})
        return [Hit(*row[1:]) for row in cursor.fetchall()]

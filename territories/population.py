"""Covered population: the union of the communes of several territories, each commune counted once."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection

from territories.enums import TerritoryKind
from territories.models import Grouping, Organisation, StructureMember, Territory, Vintage

_UNION = """
    WITH part AS (
        SELECT commune_id FROM territories_membership WHERE group_id = ANY(%(groups)s)
        UNION ALL
        SELECT unnest(%(communes)s::bigint[])
    ), covered AS (
        SELECT commune_id, count(*) AS times FROM part GROUP BY commune_id
    )
    SELECT count(*),
           count(*) FILTER (WHERE covered.times > 1),
           coalesce(sum(commune.population), 0),
           coalesce(array_agg(commune.name ORDER BY commune.search_name)
                    FILTER (WHERE commune.population IS NULL), '{}'),
           ARRAY(SELECT name FROM territories_territory AS empty
                 WHERE id = ANY(%(groups)s)
                   AND NOT EXISTS (SELECT 1 FROM territories_membership WHERE group_id = empty.id)
                 ORDER BY search_name)
    FROM covered JOIN territories_territory AS commune ON commune.id = covered.commune_id
"""


@dataclass(frozen=True)
class Part:
    """One territory of a perimeter, by kind and code: the same whatever the vintage."""

    kind: str
    code: str
    name: str = ""


@dataclass(frozen=True)
class Perimeter:
    """What one applicant or member covers. ``parts`` is None when nobody knows it (a syndicat not yet described)."""

    name: str
    parts: tuple[Part, ...] | None


@dataclass(frozen=True)
class CoveredPopulation:
    """Inhabitants of a union of communes.

    ``total`` is None when a figure is missing, and ``missing`` says in French which; ``known_total`` is the part
    that is known. ``shared_communes`` counts the communes that several members share (counted once).
    """

    vintage: int
    total: int | None
    known_total: int
    communes: int
    shared_communes: int = 0
    missing: list[str] = field(default_factory=list)


Candidate = Territory | Organisation | Grouping | Part | Perimeter


def perimeters_of(candidates: Iterable[Candidate]) -> list[Perimeter]:
    """The perimeter of each candidate; a grouping gives those of its members. Two queries at most."""
    members: list[Territory | Organisation | Part | Perimeter] = []
    for candidate in candidates:
        if isinstance(candidate, Grouping):
            members.extend(candidate.members.all())
        else:
            members.append(candidate)
    structures = [item.pk for item in members if isinstance(item, Organisation) and not item.territory_code]
    described: dict[int, list[Part]] = {}
    if structures:
        for row in StructureMember.objects.filter(structure_id__in=structures).order_by("id"):
            part = Part(row.territory_kind, row.territory_code)
            described.setdefault(row.structure_id, []).append(part)
    return [_perimeter(item, described) for item in members]


def _perimeter(item: Territory | Organisation | Part | Perimeter, described: dict[int, list[Part]]) -> Perimeter:
    if isinstance(item, Perimeter):
        return item
    if isinstance(item, Part):
        return Perimeter(item.name or item.code, (item,))
    if isinstance(item, Territory):
        return Perimeter(item.name, (Part(item.kind, item.code, item.name),))
    if item.territory_code:
        return Perimeter(item.name, (Part(item.kind, item.territory_code, item.name),))
    parts = described.get(item.pk)
    return Perimeter(item.name, tuple(parts) if parts else None)


def covered_population(*, vintage: Vintage | int, parts: Iterable[Candidate]) -> CoveredPopulation:
    """The population covered by ``parts`` in ``vintage``: territories, organisations or groupings.

    A commune without a figure, a territory that the vintage does not have or whose communes it does not say, or a
    structure whose perimeter nobody described leaves ``total`` at None: missing is not zero. Zero stays zero.
    """
    year = vintage.pk if isinstance(vintage, Vintage) else vintage
    perimeters = perimeters_of(parts)
    missing = [f"le périmètre de « {item.name} » n’est pas renseigné" for item in perimeters if item.parts is None]
    wanted = {(part.kind, part.code): part for item in perimeters for part in item.parts or ()}
    found = territories_by_key(year, wanted)
    for key, part in wanted.items():
        if key not in found:
            missing.append(f"« {part.name or part.code} » ne figure pas dans le millésime {year}")
    communes = [item.pk for item in found.values() if item.kind == TerritoryKind.COMMUNE]
    groups = [item.pk for item in found.values() if item.kind != TerritoryKind.COMMUNE]
    count, shared, known, unknown, empty = _union(groups, communes)
    missing += [f"les communes de « {name} » ne figurent pas dans le millésime {year}" for name in empty]
    missing += [f"la population de « {name} » n’est pas connue" for name in unknown]
    return CoveredPopulation(
        vintage=year,
        total=None if missing or not count else known,
        known_total=known,
        communes=count,
        shared_communes=shared,
        missing=missing or ([] if count else ["aucune commune n’est couverte"]),
    )


def territories_by_key(year: int, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Territory]:
    """The territories of a vintage, by (kind, code), in one query."""
    by_kind: dict[str, list[str]] = {}
    for kind, code in keys:
        by_kind.setdefault(str(kind), []).append(code)
    if not by_kind:
        return {}
    rows = Territory.objects.none()
    for position, (kind, codes) in enumerate(by_kind.items()):
        of_kind = Territory.objects.filter(vintage_id=year, kind=kind, code__in=codes)
        rows = of_kind if position == 0 else rows | of_kind
    return {(row.kind, row.code): row for row in rows}


def _union(groups: list[int], communes: list[int]) -> tuple[int, int, int, list[str], list[str]]:
    with connection.cursor() as cursor:
        cursor.execute(_UNION, {"groups": groups, "communes": communes})
        count, shared, known, unknown, empty = cursor.fetchone()
    return count, shared, int(known), list(unknown), list(empty)

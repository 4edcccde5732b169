"""Loads the shipped vintages into PostgreSQL by COPY, once: the same file loaded again changes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from territories.enums import TerritoryKind
from territories.models import Membership, Territory, Vintage
from territories.names import normalise
from territories.referential import archive
from territories.referential.archive import Archive, CommuneRow, GroupRow

_TERRITORY_COLUMNS = (
    "vintage_id, kind, code, siren, name, search_name, legal_form, population, departement_code, region_code"
)
# Any constant: two processes that load at the same time wait for each other.
_LOCK = 7_688_001


@dataclass(frozen=True)
class Loaded:
    """What a call of ``load_vintage`` did."""

    year: int
    territories: int
    memberships: int
    was_already_loaded: bool


def load_vintage(*, year: int, at: datetime, directory: Path = archive.DATA_DIR) -> Loaded:
    """Load one vintage unless the same file is loaded already; another file for the year replaces its rows.

    Raises FileNotFoundError when the repository ships no such vintage.
    """
    path = archive.path_of(year, directory)
    checksum = archive.checksum(path)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if Vintage.objects.filter(year=year, checksum=checksum).exists():
            return Loaded(year, _count(Territory, year), 0, was_already_loaded=True)
        content = archive.read(path)
        Vintage.objects.update_or_create(
            year=year,
            defaults={
                "source": content.source,
                "licence": content.licence,
                "population_note": content.population_note,
                "checksum": checksum,
                "loaded_at": at,
            },
        )
        return load_archive(content)


def load_missing(*, at: datetime, years: Iterable[int] | None = None) -> list[Loaded]:
    """Load each shipped vintage (or those of ``years``) that the database does not hold."""
    return [load_vintage(year=year, at=at) for year in (years if years is not None else archive.available_years())]


def load_archive(content: Archive) -> Loaded:
    """Replace the territories of ``content.year`` by those of ``content``; the vintage's row must exist."""
    _remove(content.year)
    populations = {commune.code: commune.population for commune in content.communes}
    with connection.cursor() as cursor:
        rows = [_commune_values(content.year, row) for row in content.communes]
        rows += [_group_values(content.year, row, populations) for row in content.groups]
        _copy(cursor, f"COPY territories_territory ({_TERRITORY_COLUMNS}) FROM STDIN", rows)
        cursor.execute("SELECT kind, code, id FROM territories_territory WHERE vintage_id = %s", [content.year])
        ids = {(kind, code): identifier for kind, code, identifier in cursor.fetchall()}
        members = [
            (ids[str(group.kind), group.code], ids[TerritoryKind.COMMUNE.value, commune])
            for group in content.groups
            for commune in group.communes
        ]
        _copy(cursor, "COPY territories_membership (group_id, commune_id) FROM STDIN", members)
        # Only the owner may ANALYZE; without it the first searches would not use their index.
        cursor.execute("SELECT territories_refresh_statistics()")
    return Loaded(content.year, len(rows), len(members), was_already_loaded=False)


def population_of(codes: Iterable[str], populations: dict[str, int | None]) -> int | None:
    """Inhabitants of the communes ``codes``; None as soon as one of them is unknown, or when nobody says which they are."""
    known = [populations[code] for code in codes]
    return None if None in known or not known else sum(value for value in known if value is not None)


def _remove(year: int) -> None:
    Membership.objects.filter(group__vintage_id=year)._raw_delete("default")
    Territory.objects.filter(vintage_id=year)._raw_delete("default")


def _copy(cursor: Any, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
    with cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _count(model: type[Territory], year: int) -> int:
    return model.objects.filter(vintage_id=year).count()


def _commune_values(year: int, row: CommuneRow) -> tuple[Any, ...]:
    return (
        year,
        TerritoryKind.COMMUNE.value,
        row.code,
        row.siren,
        row.name,
        normalise(row.name),
        "",
        row.population,
        row.departement_code,
        row.region_code,
    )


def _group_values(year: int, row: GroupRow, populations: dict[str, int | None]) -> tuple[Any, ...]:
    return (
        year,
        str(row.kind),
        row.code,
        row.siren,
        row.name,
        normalise(row.name),
        row.legal_form,
        population_of(row.communes, populations),
        row.departement_code,
        row.region_code,
    )

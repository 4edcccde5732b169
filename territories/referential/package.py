"""Reads an unpacked npm package ``@etalab/decoupage-administratif`` into an archive of one vintage.

What the package holds, and what it does not, is told in ``docs/data.md``.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from territories.enums import TerritoryKind
from territories.referential.archive import Archive, CommuneRow, GroupRow

# Which file of the package holds the legal populations in force on 1 January of the vintage. In the package of 2021,
# communes.json already gives the populations of 2019, in force from 1 January 2022 only; those of 2018, in force in
# 2021, are beside each member of an EPCI. In the package of 2026, communes.json gives those of 2023, in force in 2026.
_POPULATION_FROM_EPCI_MEMBERS = {2021}
_POPULATION_NOTES = {
    2021: (
        "Population municipale légale 2018, en vigueur au 1er janvier 2021 ; pour les communes hors "
        "intercommunalité (quatre îles, collectivités d'outre-mer), celle du fichier des communes du même jeu "
        "(2019) ; Mayotte : recensement de 2017."
    ),
    2026: (
        "Population municipale légale 2023, en vigueur au 1er janvier 2026 ; Mayotte : recensement de 2017 ; "
        "collectivités d'outre-mer : dernier recensement publié."
    ),
}
_OVERSEAS_DEPARTEMENTS = {"971", "972", "973", "974", "976"}


class PackageError(Exception):
    """The directory does not hold what the command expects; the text says what."""


def read_package(directory: Path, year: int) -> Archive:
    """The vintage ``year`` as the package in ``directory`` describes it. Raises PackageError."""
    manifest = _read(directory / "package.json")
    if manifest.get("name") != "@etalab/decoupage-administratif":
        raise PackageError(f"{directory} is not an unpacked @etalab/decoupage-administratif.")
    if year not in _POPULATION_NOTES:
        raise PackageError(
            f"The reference of the populations of {year} is not described: see territories.referential.package."
        )
    data = directory / "data"
    epci = _read(data / "epci.json")
    # The package of 2021 has no list of EPT: they stay unknown in that vintage.
    ept = _read(data / "ept.json") if (data / "ept.json").exists() else []
    communes = _communes(_read(data / "communes.json"), epci, year)
    by_code = {commune.code: commune for commune in communes}
    groups = [
        *(_intercommunal(item, TerritoryKind.EPCI, by_code) for item in epci),
        *(_intercommunal(item, TerritoryKind.EPT, by_code) for item in ept),
        *_departements(_read(data / "departements.json"), communes),
        *_regions(_read(data / "regions.json"), communes),
    ]
    return Archive(
        year=year,
        source=f"@etalab/decoupage-administratif {manifest['version']} (INSEE, DGCL)",
        licence="Licence Ouverte / Open Licence (Etalab)",
        population_note=_POPULATION_NOTES[year],
        communes=communes,
        groups=groups,
    )


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise PackageError(f"{path} is missing.") from error


def _communes(items: list[dict[str, Any]], epci: list[dict[str, Any]], year: int) -> list[CommuneRow]:
    """Communes of today only: the file also lists delegated and associated communes and the districts of Paris,
    Lyon and Marseille, whose inhabitants are already counted in their commune."""
    members = {member["code"]: member for group in epci for member in group["membres"]}
    rows = []
    for item in items:
        if item["type"] != "commune-actuelle":
            continue
        member = members.get(item["code"], {})
        population = item.get("population")
        if year in _POPULATION_FROM_EPCI_MEMBERS and member:
            population = member["populationMunicipale"]
        overseas = item.get("collectiviteOutremer") or {}
        region = item.get("region", "")
        rows.append(
            CommuneRow(
                code=item["code"],
                siren=item.get("siren") or member.get("siren", ""),
                name=item["nom"],
                population=population,
                departement_code=item.get("departement") or overseas.get("code", ""),
                # An overseas collectivity is no région: some packages repeat its code in that place.
                region_code=region if len(region) == 2 else "",
            )
        )
    return sorted(rows)


def _intercommunal(item: dict[str, Any], kind: str, communes: dict[str, CommuneRow]) -> GroupRow:
    """An EPCI or EPT; its département is the one where most of its inhabitants live."""
    codes = sorted(member["code"] for member in item["membres"])
    unknown = [code for code in codes if code not in communes]
    if unknown:
        raise PackageError(f"{item['nom']} lists communes that communes.json does not have: {unknown}.")
    inhabitants: Counter[tuple[str, str]] = Counter()
    for code in codes:
        commune = communes[code]
        inhabitants[commune.departement_code, commune.region_code] += commune.population or 0
    departement, region = inhabitants.most_common(1)[0][0] if inhabitants else ("", "")
    # The code of an EPCI or EPT is its SIREN.
    return GroupRow(kind, item["code"], item["code"], item["nom"], item["type"], departement, region, codes)


def _departements(items: list[dict[str, Any]], communes: list[CommuneRow]) -> list[GroupRow]:
    """The 101 départements; overseas collectivities, which some packages list beside them, are left out."""
    kept = [item for item in items if len(item["code"]) == 2 or item["code"] in _OVERSEAS_DEPARTEMENTS]
    members: dict[str, list[str]] = {item["code"]: [] for item in kept}
    for commune in communes:
        if commune.departement_code in members:
            members[commune.departement_code].append(commune.code)
    return [
        GroupRow("departement", item["code"], "", item["nom"], "", item["code"], item["region"], members[item["code"]])
        for item in kept
    ]


def _regions(items: list[dict[str, Any]], communes: list[CommuneRow]) -> list[GroupRow]:
    """The 18 régions; an overseas collectivity has a code of three digits."""
    kept = [item for item in items if len(item["code"]) == 2]
    members: dict[str, list[str]] = {item["code"]: [] for item in kept}
    for commune in communes:
        if commune.region_code in members:
            members[commune.region_code].append(commune.code)
    return [
        GroupRow("region", item["code"], "", item["nom"], "", "", item["code"], members[item["code"]]) for item in kept
    ]

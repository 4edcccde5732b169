"""Finds authorities by what names them: a reference of an address, a SIREN, a kind and a code."""

import re
from collections.abc import Iterable

from django.db.models import Case, IntegerField, QuerySet, Value, When

from territories.models import Organisation, Territory
from territories.sirets import compact

Authority = Territory | Organisation
_REFERENCE = re.compile(r"[a-z]{1,16}:[0-9A-Za-z]{1,9}", re.ASCII)


def reference_of(authority: Authority) -> str:
    """« epci:243500139 » for what is a territory, « organisation:12 » for what is not."""
    if isinstance(authority, Territory):
        return f"{authority.kind}:{authority.code}"
    if authority.territory_code:
        return f"{authority.kind}:{authority.territory_code}"
    return f"organisation:{authority.pk}"


def find_by_references(references: Iterable[str], year: int) -> tuple[list[Authority], list[str]]:
    """The authorities so named, in that order, and the references that name nothing. Two queries at most.

    A territory that the vintage ``year`` does not have is given from the latest one that does.
    """
    wanted = list(dict.fromkeys(reference.strip() for reference in references if reference.strip()))
    keys = [tuple(reference.split(":")) for reference in wanted if _REFERENCE.fullmatch(reference)]
    identifiers = [int(code) for kind, code in keys if kind == "organisation" and code.isdecimal()]
    found: dict[str, Authority] = {}
    kinds = {kind for kind, _ in keys if kind != "organisation"}
    if kinds:
        rows = _preferring(Territory.objects.filter(kind__in=kinds, code__in=[code for _, code in keys]), year)
        for row in rows:
            found.setdefault(f"{row.kind}:{row.code}", row)
    if identifiers:
        for organisation in Organisation.objects.filter(pk__in=identifiers):
            found[f"organisation:{organisation.pk}"] = organisation
    return [found[name] for name in wanted if name in found], [name for name in wanted if name not in found]


def find_by_siren(siren: str, year: int) -> Authority | None:
    """The authority with this SIREN (a SIRET is accepted): in the vintage, else in another, else a structure."""
    digits = compact(siren)[:9]
    if not digits:
        return None
    territory = _preferring(Territory.objects.filter(siren=digits), year).first()
    return territory or Organisation.objects.filter(siren=digits).order_by("id").first()


def find_by_code(kind: str, code: str, year: int) -> Territory | None:
    """The territory of this kind and INSEE code, in the vintage, else in the latest one that has it."""
    return _preferring(Territory.objects.filter(kind=kind, code=code.strip().upper()), year).first()


def _preferring(rows: "QuerySet[Territory]", year: int) -> "QuerySet[Territory]":
    preferred = Case(When(vintage_id=year, then=Value(0)), default=Value(1), output_field=IntegerField())
    return rows.order_by(preferred, "-vintage_id", "id")

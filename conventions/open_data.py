"""Subsidies as open data: SCDL « subventions » 2.1.1, one row per beneficiary of each signed convention.

CRPA L312-1-1 and décret 2017-779: published within three months of the signature; here, as soon as it is stored.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from conventions.enums import ConventionState
from conventions.models import Convention
from core.exports import FORMULA
from core.money import amount_text

LONGEST_TEXT = 256
ONE, SMALLEST_SHARE, FOUR_DECIMALS = Decimal(1), Decimal("0.01"), Decimal("0.0001")


@dataclass(frozen=True)
class Column:
    """A column of the schema, with what it holds here, for the page."""

    name: str
    is_required: bool
    meaning: str


COLUMNS = (
    Column("nomAttribuant", True, "Service de l’État qui attribue la subvention"),
    Column("idAttribuant", True, "SIRET de ce service"),
    Column("dateConvention", True, "Date de la dernière signature"),
    Column("referenceDecision", False, "Numéro de la liste de décisions"),
    Column("nomBeneficiaire", True, "Collectivité bénéficiaire"),
    Column("idBeneficiaire", False, "SIRET de la collectivité ; vide lorsqu’il est fictif"),
    Column("rnaBeneficiaire", False, "Toujours vide : les bénéficiaires ne sont pas des associations"),
    Column("objet", True, "Intitulé du projet"),
    Column("montant", True, "Montant total de la subvention en euros, avant répartition"),
    Column("nature", True, "Aide en numéraire"),
    Column("conditionsVersement", True, "Versement unique"),
    Column("datesPeriodeVersement", True, "Jour du versement ou, avant lui, période du projet"),
    Column("idRAE", False, "Toujours vide : pas de numéro au répertoire des aides"),
    Column("notificationUE", True, "Aide non notifiée à la Commission européenne"),
    Column("pourcentageSubvention", True, "Part de ce bénéficiaire, de 0,01 à 1"),
    Column("dispositifAide", False, "Appel à projets"),
)


def published() -> QuerySet[Convention]:
    """Conventions in force whose grantor can be named as the schema asks."""
    signed = Convention.objects.filter(state__in=[ConventionState.SIGNED, ConventionState.PAID])
    return signed.filter(application__call__steward_siret__regex=r"^\d{14}$")


def rows() -> Iterator[dict[str, str]]:
    """Every row by column, by date then number, read as it is sent."""
    conventions = (
        published()
        .select_related("application__call", "payment", "decision__decision_list")
        .order_by("signed_at", "number")
    )
    for convention in conventions.iterator(chunk_size=500):
        shares = convention.data["beneficiaries"]
        parts = fractions([Decimal(share["amount"]) for share in shares])
        for share, part in zip(shares, parts, strict=True):
            yield _row(convention, share, part)


def _row(convention: Convention, share: dict[str, Any], part: str) -> dict[str, str]:
    call, data = convention.application.call, convention.data
    assert convention.signed_at is not None
    return {
        "nomAttribuant": _text(call.steward),
        "idAttribuant": call.steward_siret,
        "dateConvention": timezone.localtime(convention.signed_at).date().isoformat(),
        "referenceDecision": _text(convention.decision.decision_list.number or ""),
        "nomBeneficiaire": _text(share["name"]),
        "idBeneficiaire": "" if share["siret_is_fictitious"] else share["siret"],
        "rnaBeneficiaire": "",
        "objet": _text(data["project"]["title"]),
        "montant": amount_text(convention.amount),
        "nature": "aide en numéraire",
        "conditionsVersement": "unique",
        "datesPeriodeVersement": _period(convention),
        "idRAE": "",
        "notificationUE": "non",
        "pourcentageSubvention": part,
        "dispositifAide": _text(call.title),
    }


def _period(convention: Convention) -> str:
    payment = getattr(convention, "payment", None)
    if payment is not None:
        return str(payment.paid_on.isoformat())
    project = convention.data["project"]
    return f"{project['starts_on']}/{project['ends_on']}"


def fractions(amounts: list[Decimal]) -> list[str]:
    """Each beneficiary's part, between 0.01 and 1 with four decimals at most, as the schema asks.

    They add up to 1: what rounding leaves goes to the largest remainders. Only a part below the schema's least of 0.01
    can make them exceed it.
    """
    whole = sum(amounts, Decimal(0))
    if len(amounts) == 1 or not whole:
        return ["1"] * len(amounts)
    units = [amount / whole / FOUR_DECIMALS for amount in amounts]
    found = [int(unit) for unit in units]
    left = int(ONE / FOUR_DECIMALS) - sum(found)
    for position in sorted(range(len(units)), key=lambda place: found[place] - units[place])[:left]:
        found[position] += 1
    return [f"{max(SMALLEST_SHARE, unit * FOUR_DECIMALS).normalize():f}" for unit in found]


def _text(text: str) -> str:
    """One line, of a length the schema admits, that no spreadsheet takes for a formula."""
    line = " ".join(text.split())
    shown = line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 1] + "…"
    return f"'{shown[: LONGEST_TEXT - 1]}" if shown.startswith(FORMULA) else shown


class _Echo:
    def write(self, value: str) -> str:
        return value


def csv_lines() -> Iterator[str]:
    """The file, line by line."""
    names = [column.name for column in COLUMNS]
    writer = csv.DictWriter(_Echo(), fieldnames=names)
    yield ",".join(names) + "\r\n"
    for row in rows():
        yield writer.writerow(row)

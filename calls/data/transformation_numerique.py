"""The call of 88 M€ for the digital transformation of local authorities, as data.

Amounts, thresholds, rates and the change of 21 September 2021 are those announced by the State. Days of the relèves,
questions, grid, contacts and budget codes are this demonstration's. See ``docs/data.md``.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from calls.enums import CostCategory, Rhythm, RuleKind
from territories.enums import OrganisationKind

PARIS = ZoneInfo("Europe/Paris")
CODE = "transformation-numerique"
NBSP = "\u00a0"


def paris(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant in Europe/Paris."""
    return datetime(year, month, day, hour, minute, tzinfo=PARIS)


OPENING = paris(2021, 1, 25)
CHANGE = paris(2021, 9, 21)

CALL: dict[str, Any] = {
    "title": "Transformation numérique des collectivités territoriales",
    "summary": (
        "88 millions d’euros pour les projets numériques des communes, des intercommunalités, des départements, "
        "des régions et de leurs groupements, quand ils changent concrètement la vie des habitants. Un jury "
        "présidé par les représentants de l’État examine les projets ; chaque projet retenu donne lieu à une "
        "convention et à une subvention versée en une seule fois."
    ),
    "programme": "France Relance, thème ITN7, «\u00a0Mise à niveau numérique des territoires\u00a0»",
    "steward": "Ministère de la transformation et de la fonction publiques",
    "contact_name": "Équipe de l’appel «\u00a0Transformation numérique des collectivités territoriales\u00a0»",
    "contact_address": "1 place de l’Exemple, 75000 Paris",
    "contact_email": "contact@appel-collectivites.example",
    "contact_phone": "01 99 00 88 88",
    "appeal_court": "tribunal administratif de Paris",
    "announced_amount": Decimal("88000000.00"),
    "opens_at": OPENING,
    "published_at": OPENING,
    "completeness_months": 2,
    "decision_months": 8,
    "has_waiting_list": True,
    "cost_centre": "ITN7-DEMO-CC",
    "functional_domain": "ITN7-DEMO-DF",
    "programming_reference": "ITN7-DEMO-RP",
}


class AxisData(NamedTuple):
    """One axis with its themes (code, label)."""

    code: str
    title: str
    summary: str
    steward: str
    rhythm: Rhythm
    announced_amount: Decimal | None
    announced_note: str
    themes: tuple[tuple[str, str], ...]
    is_territorial: bool = False
    funded_from: str = ""


AXES = (
    AxisData(
        "axe-1",
        f"Axe 1{NBSP}: co-construire des outils partagés",
        "Concevoir avec l’État et d’autres collectivités des outils numériques communs, utiles à toutes. "
        "Ouvert à toute collectivité et à tout groupement, quelle que soit sa population.",
        "Agence nationale de la cohésion des territoires (ANCT)",
        Rhythm.SESSIONS,
        Decimal("30000000.00"),
        "",
        (("outils-partages", "Outils numériques partagés"),),
    ),
    AxisData(
        "axe-2",
        f"Axe 2{NBSP}: appels à projets nationaux",
        "Dématérialiser les services aux usagers, mieux utiliser les données, coopérer à grande échelle. Réservé aux "
        "collectivités et groupements les plus peuplés, et à tous les départements.",
        "Direction interministérielle du numérique (DINUM) et direction interministérielle de la transformation "
        "publique (DITP)",
        Rhythm.SESSIONS,
        Decimal("24000000.00"),
        "",
        (
            ("dematerialisation", "Dématérialisation des services aux usagers"),
            ("donnees", "Meilleure utilisation des données (archivage, ouverture, intelligence artificielle)"),
            ("cooperation", "Coopération entre administrations"),
        ),
    ),
    AxisData(
        "axe-3",
        f"Axe 3{NBSP}: guichets territoriaux",
        "Mettre en ligne des services, se former, être accompagné, se protéger. Instruit toute l’année par les "
        "préfectures, pour les collectivités et groupements sous le seuil de l’axe 2.",
        "Préfets de département et de région, DITP",
        Rhythm.CONTINUOUS,
        Decimal("34000000.00"),
        f"297{NBSP}000{NBSP}€ par département, le reste réparti entre les régions",
        (
            ("services-en-ligne", "Services en ligne"),
            ("ingenierie", "Ingénierie"),
            ("formation", "Formation et accompagnement des agents"),
            ("cybersecurite", "Accompagnement à la cybersécurité"),
        ),
        is_territorial=True,
    ),
    # The 520 000 € of the packs are announced inside the 88 M€ and no envelope of their own is: they are taken from
    # the one of axis 2, whose steward also runs FranceConnect, so that 88 = 30 + 24 + 34 stays true.
    AxisData(
        "pack-franceconnect",
        "Pack FranceConnect",
        f"Un forfait de 5{NBSP}000{NBSP}€ pour raccorder un service en ligne à FranceConnect ou à une API de l’État. "
        "Une seule fois par collectivité, quelle que soit sa population.",
        "Direction interministérielle du numérique (DINUM)",
        Rhythm.CONTINUOUS,
        None,
        f"Forfait de 5{NBSP}000{NBSP}€ par collectivité, pris sur l’enveloppe de l’axe 2",
        (("franceconnect", "Raccordement à FranceConnect ou à une API"),),
        funded_from="axe-2",
    ),
)


class SessionData(NamedTuple):
    """One relève of 2021."""

    axis: str
    code: str
    title: str
    opens_at: datetime
    closes_at: datetime


SESSIONS = (
    SessionData("axe-1", "releve-1", "Relève de juin 2021", paris(2021, 3, 1, 9), paris(2021, 6, 15, 12)),
    SessionData("axe-1", "releve-2", "Relève de novembre 2021", paris(2021, 9, 21, 9), paris(2021, 11, 15, 12)),
    SessionData("axe-2", "releve-1", "Relève d’avril 2021", paris(2021, 2, 15, 9), paris(2021, 4, 30, 12)),
    SessionData("axe-2", "releve-2", "Relève de novembre 2021", paris(2021, 9, 21, 9), paris(2021, 11, 15, 12)),
    SessionData("axe-3", "guichet-2021", "Guichet continu 2021", paris(2021, 3, 1, 9), paris(2021, 12, 31, 23, 59)),
    SessionData(
        "pack-franceconnect", "guichet-2021", "Guichet continu 2021", paris(2021, 3, 1, 9), paris(2021, 12, 31, 23, 59)
    ),
)


class VersionData(NamedTuple):
    """One version of the rules: the threshold between axes 2 and 3 in inhabitants, and the rate of axis 2."""

    number: int
    effective_at: datetime
    vintage: int
    threshold: int
    axis_2_rate: Decimal
    note: str


VERSIONS = (
    VersionData(1, OPENING, 2021, 500_000, Decimal("0.50"), "Ouverture de l’appel."),
    VersionData(
        2,
        CHANGE,
        2021,
        300_000,
        Decimal("0.75"),
        f"Le seuil de population de l’axe 2 passe de 500{NBSP}000 à 300{NBSP}000{NBSP}habitants et son taux maximal "
        f"d’aide de 50{NBSP}% à 75{NBSP}%. L’axe 3 s’adresse aux collectivités sous ce nouveau seuil. Les dossiers "
        "déjà déposés restent jugés selon les règles de leur dépôt.",
    ),
    VersionData(
        3,
        paris(2026, 1, 1),
        2026,
        300_000,
        Decimal("0.75"),
        "Démonstration : mêmes règles, avec les communes et les populations légales de 2026.",
    ),
)

ALL_KINDS = [str(kind) for kind in OrganisationKind.values]


def terms_of(axis: str, version: VersionData) -> dict[str, Any]:
    """The money terms of an axis in a version (fields of ``AxisTerms``)."""
    staff, hardware = CostCategory.STAFF.value, CostCategory.HARDWARE.value
    by_axis: dict[str, dict[str, Any]] = {
        "axe-1": {"aid_rate": Decimal("0.50"), "excluded_categories": [staff]},
        "axe-2": {"aid_rate": version.axis_2_rate, "excluded_categories": [staff, hardware]},
        "axe-3": {"aid_rate": Decimal("1.00"), "excluded_categories": [staff]},
        # A flat amount pays the connection of a service already running: running costs, so no own share is due.
        "pack-franceconnect": {
            "aid_rate": Decimal("1.00"),
            "flat_amount": Decimal("5000.00"),
            "amount_max": Decimal("5000.00"),
            "excluded_categories": [staff, hardware],
            "requires_own_share": False,
        },
    }
    source = f"Règlement de l’appel, version {version.number}, «\u00a0Taux et dépenses\u00a0»"
    return {"source": source, **by_axis[axis]}


def rules_of(axis: str, version: VersionData) -> list[tuple[RuleKind, dict[str, Any], str]]:
    """The eligibility rules of an axis in a version: kind, parameters, source."""
    source = f"Règlement de l’appel, version {version.number}, "
    who = f"{source}«\u00a0Bénéficiaires\u00a0»"
    kinds = (RuleKind.ORGANISATION_KINDS, {"kinds": ALL_KINDS}, who)
    if axis == "axe-2":
        parameters = {"threshold": version.threshold, "exempt_kinds": [OrganisationKind.DEPARTEMENT.value]}
        return [kinds, (RuleKind.POPULATION_AT_LEAST, parameters, f"{source}«\u00a0Population de l’axe 2\u00a0»")]
    if axis == "axe-3":
        parameters = {"threshold": version.threshold}
        return [kinds, (RuleKind.POPULATION_BELOW, parameters, f"{source}«\u00a0Population de l’axe 3\u00a0»")]
    if axis == "pack-franceconnect":
        label = "une habilitation à FranceConnect ou à une API de l’État"
        return [
            (RuleKind.ORGANISATION_KINDS, {"kinds": ALL_KINDS, "groupings": False}, who),
            (RuleKind.ONE_PER_ORGANISATION, {"maximum": 1}, f"{source}«\u00a0Pack FranceConnect\u00a0»"),
            (RuleKind.PRIOR_AUTHORISATION, {"label": label}, f"{source}«\u00a0Pack FranceConnect\u00a0»"),
        ]
    return [kinds]

"""Territories and organisations for tests: a small real part of both vintages, and the plainest valid objects."""

from datetime import UTC, datetime
from functools import cache

import factory

from territories.enums import AffiliationRole, OrganisationKind, TerritoryKind
from territories.models import Affiliation, Organisation, StructureMember, Territory, Vintage
from territories.names import normalise
from territories.referential import archive
from territories.referential.archive import Archive
from territories.referential.load import load_archive
from territories.sirets import fictitious_siren, fictitious_siret
from tests.factories.accounts import UserFactory

# Corsica whole (a région and its two départements) and Lozère.
SAMPLE_DEPARTEMENTS = {"2A", "2B", "48"}
# Rennes Métropole, Bordeaux Métropole (above 500 000), Saint-Étienne Métropole, Angers Loire Métropole, Plaine
# Commune (an EPT).
SAMPLE_GROUPS = {"243500139", "243300316", "244200770", "244900015", "200057867"}
# Without inhabitants, without a published population, without an EPCI (Ouessant).
SAMPLE_COMMUNES = {"55039", "55050", "55139", "55189", "55239", "55307", "98411", "29155"}

RENNES_METROPOLE = "243500139"
BORDEAUX_METROPOLE = "243300316"
PLAINE_COMMUNE = "200057867"
RENNES = "35238"
WITHOUT_POPULATION = "98411"
WITHOUT_INHABITANTS = ("55039", "55050", "55139", "55189", "55239", "55307")


@cache
def sample(year: int) -> Archive:
    """The real part of a vintage that tests use: about 700 communes, and each group that lies whole within."""
    whole = archive.read(archive.path_of(year))
    kept = {row.code for row in whole.communes if row.departement_code in SAMPLE_DEPARTEMENTS} | SAMPLE_COMMUNES
    for group in whole.groups:
        if group.code in SAMPLE_GROUPS:
            kept.update(group.communes)
    return Archive(
        year=whole.year,
        source=whole.source,
        licence=whole.licence,
        population_note=whole.population_note,
        communes=[row for row in whole.communes if row.code in kept],
        groups=[group for group in whole.groups if group.communes and kept.issuperset(group.communes)],
    )


def load_sample(*years: int) -> None:
    """Load the sample of the given vintages (both by default), once."""
    for year in years or (2021, 2026):
        if Vintage.objects.filter(year=year).exists():
            continue
        content = sample(year)
        Vintage.objects.create(
            year=year,
            source=content.source,
            licence=content.licence,
            population_note=content.population_note,
            checksum="sample",
            loaded_at=datetime(2021, 1, 1, tzinfo=UTC),
        )
        load_archive(content)


def territory(kind: str, code: str, year: int = 2021) -> Territory:
    """A territory of the loaded sample."""
    return Territory.objects.get(vintage_id=year, kind=kind, code=code)


class VintageFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Vintage
        django_get_or_create = ("year",)

    year = 2021
    source = "test"
    licence = "test"
    loaded_at = datetime(2021, 1, 1, tzinfo=UTC)


class TerritoryFactory(factory.django.DjangoModelFactory):
    """A commune of 1 000 inhabitants in Ille-et-Vilaine."""

    class Meta:
        model = Territory

    vintage = factory.SubFactory(VintageFactory)
    kind = TerritoryKind.COMMUNE
    code = factory.Sequence(lambda n: f"{35900 + n:05d}")
    siren = factory.LazyAttribute(lambda item: fictitious_siren(f"{item.kind}:{item.code}"))
    name = factory.Sequence(lambda n: f"Commune d'essai {n}")
    search_name = factory.LazyAttribute(lambda item: normalise(item.name))
    population = 1000
    departement_code = "35"
    region_code = "53"


class OrganisationFactory(factory.django.DjangoModelFactory):
    """A commune as applicant, with a fictitious SIRET whose key is right."""

    class Meta:
        model = Organisation

    class Params:
        syndicat = factory.Trait(kind=OrganisationKind.SYNDICAT, territory_code="", name="Syndicat d'essai")

    kind = OrganisationKind.COMMUNE
    territory_code = factory.Sequence(lambda n: f"{35900 + n:05d}")
    name = factory.Sequence(lambda n: f"Commune d'essai {n}")
    search_name = factory.LazyAttribute(lambda item: normalise(item.name))
    siren = factory.Sequence(lambda n: fictitious_siren(f"organisation:{n}"))
    siret = factory.LazyAttribute(lambda item: fictitious_siret(item.siren))
    siret_is_fictitious = True
    departement_code = "35"
    region_code = "53"
    address = "1 place de la Mairie"
    postal_code = "35000"
    city = "Essai"


class StructureMemberFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = StructureMember

    structure = factory.SubFactory(OrganisationFactory, syndicat=True)
    territory_kind = TerritoryKind.COMMUNE
    territory_code = RENNES


class AffiliationFactory(factory.django.DjangoModelFactory):
    """A validated contributor; ``pending`` makes an unanswered request."""

    class Meta:
        model = Affiliation

    class Params:
        pending = factory.Trait(validated_at=None, evidence="")
        legal = factory.Trait(role=AffiliationRole.LEGAL_REPRESENTATIVE)

    user = factory.SubFactory(UserFactory)
    organisation = factory.SubFactory(OrganisationFactory)
    role = AffiliationRole.CONTRIBUTOR
    requested_at = datetime(2021, 1, 10, tzinfo=UTC)
    validated_at = datetime(2021, 1, 11, tzinfo=UTC)
    evidence = "visa d'un agent"

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from territories.models import Grouping
from territories.population import Part, covered_population
from territories.services import create_structure, organisation_for
from tests.factories.territories import (
    PLAINE_COMMUNE,
    RENNES,
    RENNES_METROPOLE,
    WITHOUT_INHABITANTS,
    WITHOUT_POPULATION,
    OrganisationFactory,
    TerritoryFactory,
    VintageFactory,
    load_sample,
    territory,
)


@pytest.fixture
def loaded(db):
    load_sample()


def test_population_of_an_epci_is_that_of_its_communes(loaded):
    covered = covered_population(vintage=2021, parts=[territory("epci", RENNES_METROPOLE)])
    # populationMunicipale of Rennes Métropole in the package of 2021.
    assert (covered.total, covered.communes, covered.shared_communes) == (451_762, 43, 0)
    assert covered.total == territory("epci", RENNES_METROPOLE).population


def test_population_depends_on_the_vintage(loaded):
    part = Part("epci", RENNES_METROPOLE)
    assert covered_population(vintage=2026, parts=[part]).total == 480_178
    assert covered_population(vintage=2021, parts=[part]).total == 451_762


def test_shared_commune_counts_once(loaded):
    alone = covered_population(vintage=2021, parts=[territory("epci", RENNES_METROPOLE)])
    both = covered_population(vintage=2021, parts=[territory("epci", RENNES_METROPOLE), territory("commune", RENNES)])
    assert both.total == alone.total
    assert both.communes == alone.communes
    assert both.shared_communes == 1


def test_same_part_given_twice_is_not_a_shared_commune(loaded):
    part = territory("epci", RENNES_METROPOLE)
    covered = covered_population(vintage=2021, parts=[part, part])
    assert (covered.total, covered.shared_communes) == (451_762, 0)


def test_region_and_its_departement_give_the_region(loaded):
    region = covered_population(vintage=2021, parts=[territory("region", "94")])
    both = covered_population(vintage=2021, parts=[territory("region", "94"), territory("departement", "2A")])
    assert both.total == region.total
    assert both.shared_communes == territory("departement", "2A").memberships.count()


def test_missing_population_is_not_zero(loaded):
    covered = covered_population(
        vintage=2021, parts=[territory("commune", WITHOUT_POPULATION), territory("commune", RENNES)]
    )
    assert covered.total is None
    assert covered.known_total == territory("commune", RENNES).population
    assert covered.missing == ["la population de « Îles Saint-Paul et Nouvelle-Amsterdam » n’est pas connue"]


def test_zero_stays_zero(loaded):
    parts = [territory("commune", code) for code in WITHOUT_INHABITANTS]
    covered = covered_population(vintage=2021, parts=parts)
    assert (covered.total, covered.communes, covered.missing) == (0, 6, [])


def test_territory_unknown_to_the_vintage_is_missing(loaded):
    covered = covered_population(vintage=2021, parts=[Part("ept", PLAINE_COMMUNE, "Plaine Commune")])
    assert covered.total is None
    assert covered.missing == ["«\u00a0Plaine Commune\u00a0» ne figure pas dans le millésime 2021"]


def test_nothing_covered_is_unknown(loaded):
    covered = covered_population(vintage=2021, parts=[])
    assert (covered.total, covered.known_total) == (None, 0)
    assert covered.missing


def test_group_whose_communes_the_vintage_does_not_say_is_missing(loaded):
    parts = [territory("epci", RENNES_METROPOLE), TerritoryFactory(vintage_id=2021, kind="epci", name="CC sans liste")]
    covered = covered_population(vintage=2021, parts=parts)
    assert (covered.total, covered.known_total) == (None, 451_762)
    assert covered.missing == ["les communes de «\u00a0CC sans liste\u00a0» ne figurent pas dans le millésime 2021"]


def test_syndicat_covers_what_it_declares_and_is_unknown_until_then(loaded):
    parts = [Part("epci", RENNES_METROPOLE), Part("commune", RENNES)]
    syndicat = create_structure(kind="syndicat", name="Syndicat", parts=parts)
    assert covered_population(vintage=2021, parts=[syndicat]).total == 451_762
    silent = OrganisationFactory(syndicat=True)
    assert covered_population(vintage=2021, parts=[silent]).total is None


def test_grouping_covers_its_members(loaded):
    lead = organisation_for(territory("epci", RENNES_METROPOLE))
    grouping = Grouping.objects.create(name="Essai", lead=lead)
    grouping.members.set([lead, organisation_for(territory("departement", "48"))])
    total = covered_population(vintage=2021, parts=[grouping]).total
    assert total == 451_762 + territory("departement", "48").population


@pytest.mark.parametrize("number", [1, 3, 30])
def test_population_takes_two_queries_whatever_the_number_of_parts(db, number):
    vintage = VintageFactory(year=2021)
    parts = [TerritoryFactory(vintage=vintage) for _ in range(number)]
    with CaptureQueriesContext(connection) as queries:
        covered = covered_population(vintage=2021, parts=parts)
    assert len(queries) == 2
    assert covered.total == number * 1000

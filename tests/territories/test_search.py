import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from territories.names import normalise
from territories.search import nothing_found, search_territories
from tests.factories.territories import (
    RENNES,
    RENNES_METROPOLE,
    OrganisationFactory,
    TerritoryFactory,
    VintageFactory,
    load_sample,
)


@pytest.fixture
def loaded(db):
    load_sample(2021)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("Rennes", ("commune", "35238")),
        ("rennes metropole", ("epci", RENNES_METROPOLE)),
        ("Métropole Rennes", ("epci", RENNES_METROPOLE)),
        ("Saint-Grégoire", ("commune", "35278")),
        ("st gregoire", ("commune", "35278")),
        ("l'etrat", ("commune", "42092")),
        ("loz", ("departement", "48")),
        ("corse", ("region", "94")),
        (RENNES_METROPOLE, ("epci", RENNES_METROPOLE)),
        ("243 500 139", ("epci", RENNES_METROPOLE)),
        (f"{RENNES_METROPOLE}00012", ("epci", RENNES_METROPOLE)),
        ("35238", ("commune", "35238")),
        ("48", ("departement", "48")),
        ("Département de la Lozère", ("departement", "48")),
        ("le conseil départemental de Lozère", ("departement", "48")),
        ("région de Corse", ("region", "94")),
    ],
)
def test_search_finds_first(loaded, text, first):
    hit = search_territories(text, 2021)[0]
    assert (hit.kind, hit.code) == first


def test_search_orders_exact_then_prefix_then_word(db):
    vintage = VintageFactory(year=2021)
    TerritoryFactory(vintage=vintage, name="CC du Val d'Orne", population=90_000)
    TerritoryFactory(vintage=vintage, name="Val-d'Orne-sur-Mer", population=10)
    TerritoryFactory(vintage=vintage, name="Val d'Orne", population=5)
    assert [hit.name for hit in search_territories("val d’orne", 2021)] == [
        "Val d'Orne",
        "Val-d'Orne-sur-Mer",
        "CC du Val d'Orne",
    ]


def test_search_tells_homonyms_apart(db):
    vintage = VintageFactory(year=2021)
    for departement, name in (("35", "Ille-et-Vilaine"), ("55", "Meuse")):
        TerritoryFactory(vintage=vintage, kind="departement", code=departement, departement_code=departement, name=name)
        TerritoryFactory(vintage=vintage, name="Sainte-Marie", departement_code=departement)
    assert sorted(hit.place for hit in search_territories("ste marie", 2021)) == [
        "Ille-et-Vilaine (35)",
        "Meuse (55)",
    ]


@pytest.mark.parametrize("text", ["", "a", "é", "%", "__", "' OR 1=1 --", "&|!:*()", "\x00", "zzzzzz"])
def test_search_of_little_or_of_signs_finds_nothing_and_does_not_fail(loaded, text):
    assert search_territories(text, 2021) == []


def test_search_reads_one_vintage_only(db):
    load_sample()
    assert [hit.code for hit in search_territories("plaine commune", 2026)] == ["200057867"]
    assert search_territories("plaine commune", 2021) == []


def test_search_finds_structures_by_name_and_by_siret(loaded):
    syndicat = OrganisationFactory(syndicat=True, name="Mégalis Bretagne", siren="253514491", siret="25351449100047")
    OrganisationFactory(name="Mégalis commune d'essai")
    by_name = search_territories("megalis", 2021)
    assert [hit.reference for hit in by_name] == [f"organisation:{syndicat.pk}"]
    assert [hit.reference for hit in search_territories("25351449100047", 2021)] == [f"organisation:{syndicat.pk}"]
    assert by_name[0].kind_label == "Syndicat"


def test_search_takes_one_query_whatever_it_finds(loaded):
    for text in ("zzzz", "rennes", "saint"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            hits = search_territories(text, 2021, limit=20)
        assert len(queries) == 1
        assert len(hits) <= 20


@pytest.mark.parametrize(
    "text",
    [
        *("mairie de Rennes", "Ville de Rennes", "commune de rennes", "la mairie de Rennes", "Mairie Rennes"),
        *("Rennes (35)", "Rennes 35000", "35000 Rennes", "35000 RENNES (35)", "Mairie de Rennes 35000"),
        *("Rennes cedex", "Rennes Cedex 7", "Rennes cedex 35042", "35042 Rennes Cedex", "35042 rennes cedex 7"),
        *("35000 Mairie de Rennes", "44000 Rennes"),
    ],
)
def test_search_leaves_out_what_is_no_part_of_the_name(loaded, text):
    assert search_territories(text, 2021)[0].reference == f"commune:{RENNES}"


def test_search_keeps_such_words_where_a_name_begins_with_them(db):
    vintage = VintageFactory()
    TerritoryFactory(vintage=vintage, name="Ville-d’Avray", search_name="ville d avray", code="92077")
    TerritoryFactory(vintage=vintage, name="Avray", search_name="avray", code="99001")
    assert [hit.name for hit in search_territories("Ville d’Avray", vintage)] == ["Ville-d’Avray"]


@pytest.mark.parametrize(
    "typed", ["mairie", "la mairie", "mairie d", "mairie de", "mairie des", "mairie du ", "35000 r"]
)
def test_beginning_of_a_town_hall_finds_nothing_while_one_types(loaded, typed):
    assert search_territories("de", 2021), "names that begin with « de », not asked for"
    assert search_territories(typed, 2021) == []


def test_beginning_of_a_town_finds_the_names_that_begin_so_and_not_those_of_a_particle(loaded):
    for typed in ("ville", "ville de", "commune de", "la commune du"):
        for hit in search_territories(typed, 2021, limit=50):
            assert all(
                any(word.startswith(part) for word in normalise(hit.name).split()) for part in normalise(typed).split()
            ), (typed, hit.name)


def test_search_by_a_code_alone_is_that_of_an_authority_and_never_postal(loaded):
    assert [hit.code for hit in search_territories("35238", 2021)] == [RENNES]
    assert search_territories("35042", 2021) == []
    assert search_territories("cedex 35042", 2021) == []


def test_postal_code_tells_homonyms_apart_and_yields_when_it_is_of_the_departement_beside(db):
    vintage = VintageFactory()
    here = TerritoryFactory(vintage=vintage, name="Saint-Pierre-Laval", departement_code="03")
    assert [hit.code for hit in search_territories("42620 Saint-Pierre-Laval", vintage)] == [here.code]
    there = TerritoryFactory(vintage=vintage, name="Saint-Pierre-Laval", departement_code="42")
    assert [hit.code for hit in search_territories("42620 Saint-Pierre-Laval", vintage)] == [there.code]


def test_search_by_department_beside_the_name_finds_no_homonym_elsewhere(loaded):
    assert search_territories("Rennes (48)", 2021) == []


def test_postal_code_that_is_no_insee_code_is_told_as_such():
    assert "code postal" in nothing_found("38000")
    assert "syndicat" in nothing_found("SIVOM du Val")

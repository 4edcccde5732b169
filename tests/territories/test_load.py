"""The whole of both vintages, loaded once: figures against the source, time, search on the real size."""

import time
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Count, F, Q, Sum

from territories.enums import TerritoryKind
from territories.models import Membership, Territory, Vintage
from territories.referential import archive
from territories.referential.archive import Archive, CommuneRow, GroupRow
from territories.referential.load import load_archive, load_missing, load_vintage, population_of
from territories.search import search_territories
from tests.factories.territories import WITHOUT_INHABITANTS, VintageFactory, load_sample

AT = datetime(2021, 2, 1, tzinfo=UTC)


def _by_kind(year):
    rows = Territory.objects.filter(vintage_id=year).values("kind").annotate(number=Count("id")).order_by()
    return {row["kind"]: row["number"] for row in rows}


@pytest.mark.slow
def test_both_vintages_load_whole_in_time_and_agree_with_the_source(db):
    started = time.monotonic()
    loaded = load_missing(at=AT)
    assert time.monotonic() - started < 30
    assert [item.year for item in loaded] == [2021, 2026]
    # Figures counted in the files of the package.
    assert _by_kind(2021) == {"commune": 35_059, "epci": 1_254, "departement": 101, "region": 18}
    assert _by_kind(2026) == {"commune": 34_969, "epci": 1_255, "ept": 11, "departement": 101, "region": 18}
    communes = Territory.objects.filter(kind=TerritoryKind.COMMUNE)
    assert communes.filter(vintage_id=2026).aggregate(total=Sum("population"))["total"] == 68_952_941
    in_epci = communes.filter(vintage_id=2021, group_memberships__group__kind="epci")
    assert in_epci.aggregate(total=Sum("population"), number=Count("id")) == {"total": 66_982_782, "number": 34_961}
    for year in (2021, 2026):
        zeros = communes.filter(vintage_id=year, population=0).order_by("code").values_list("code", flat=True)
        assert tuple(zeros) == WITHOUT_INHABITANTS
        unknown = communes.filter(vintage_id=year, population=None).order_by("code").values_list("code", flat=True)
        assert list(unknown) == ["98411", "98412", "98413", "98414", "98415", "98901"]
    wrong = (
        Territory.objects.exclude(kind=TerritoryKind.COMMUNE)
        .annotate(total=Sum("memberships__commune__population"))
        .exclude(total=F("population"))
    )
    assert not wrong.exists()
    _search_is_quick_and_uses_its_index()


def _search_is_quick_and_uses_its_index():
    for text in ("saint", "rennes", "st etienne", "le", "243500139", "35238", "zzzz"):
        # The best of a few: the machine may be busy elsewhere.
        assert min(_seconds(text) for _ in range(7)) < 0.05, text
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN SELECT id FROM territories_territory WHERE vintage_id = 2021 "
            "AND to_tsvector('simple', coalesce(search_name, '')) @@ to_tsquery('simple', 'rennes:*')"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "territories_name_words" in plan


def _seconds(text):
    started = time.perf_counter()
    search_territories(text, 2021)
    return time.perf_counter() - started


def _archive(**changes):
    commune = CommuneRow("35001", "213500010", "Essai", 10, "35", "53")
    return Archive(2021, "source", "licence", "note", **{"communes": [commune], "groups": [], **changes})


def test_loading_the_same_file_again_changes_nothing(db, tmp_path):
    archive.write(_archive(), tmp_path)
    first = load_vintage(year=2021, at=AT, directory=tmp_path)
    identifiers = list(Territory.objects.values_list("pk", flat=True))
    again = load_vintage(year=2021, at=AT, directory=tmp_path)
    assert (first.was_already_loaded, again.was_already_loaded) == (False, True)
    assert list(Territory.objects.values_list("pk", flat=True)) == identifiers


def test_another_file_replaces_the_rows_of_its_year_only(db, tmp_path):
    load_sample(2026)
    before = Territory.objects.filter(vintage_id=2026).count()
    archive.write(_archive(), tmp_path)
    load_vintage(year=2021, at=AT, directory=tmp_path)
    archive.write(_archive(communes=[CommuneRow("35002", "", "Autre", None, "35", "53")]), tmp_path)
    load_vintage(year=2021, at=AT, directory=tmp_path)
    assert list(Territory.objects.filter(vintage_id=2021).values_list("name", "population")) == [("Autre", None)]
    assert Territory.objects.filter(vintage_id=2026).count() == before


def test_sample_keeps_missing_population_apart_from_zero(db):
    load_sample(2021)
    communes = Territory.objects.filter(vintage_id=2021, kind=TerritoryKind.COMMUNE)
    assert communes.filter(population=0).count() == 6
    assert communes.filter(population=None).count() == 1
    assert not Territory.objects.filter(~Q(kind=TerritoryKind.COMMUNE), population=None).exists()


def test_group_of_a_commune_without_population_has_none_either(db):
    VintageFactory(year=2021)
    communes = [CommuneRow("35001", "", "Une", 10, "35", "53"), CommuneRow("35002", "", "Deux", None, "35", "53")]
    groups = [GroupRow("epci", "200000001", "200000001", "CC", "CC", "35", "53", ["35001", "35002"])]
    load_archive(_archive(communes=communes, groups=groups))
    assert Territory.objects.get(kind="epci").population is None
    assert Membership.objects.count() == 2


def test_group_without_communes_has_no_population_rather_than_zero():
    assert population_of([], {}) is None
    assert population_of(["35001"], {"35001": 0}) == 0


def test_command_refuses_an_unknown_vintage(db):
    with pytest.raises(CommandError, match="millésimes fournis : 2021, 2026"):
        call_command("load_territories", "--year", "1999")
    assert not Vintage.objects.exists()

import json

import pytest

from territories.referential import archive
from territories.referential.package import PackageError, read_package


def _package(directory, name="@etalab/decoupage-administratif"):
    data = directory / "data"
    data.mkdir(parents=True)
    communes = [
        {"code": "01001", "nom": "Une", "type": "commune-actuelle", "departement": "01", "region": "84",
         "population": 110, "siren": "210100012"},
        {"code": "01002", "nom": "Deux", "type": "commune-actuelle", "departement": "01", "region": "84",
         "population": 0},
        {"code": "01003", "nom": "Ancienne", "type": "commune-deleguee", "chefLieu": "01001", "departement": "01",
         "region": "84"},
        {"code": "98411", "nom": "Îles", "type": "commune-actuelle", "departement": "984", "region": "984"},
    ]  # fmt: skip
    members = [
        {"code": "01001", "siren": "210100012", "nom": "Une", "populationMunicipale": 100, "populationTotale": 105}
    ]
    epci = [{"code": "200000172", "nom": "CC", "type": "CC", "membres": members}]
    departements = [{"code": "01", "region": "84", "nom": "Ain"}, {"code": "984", "region": "984", "nom": "Terres"}]
    regions = [{"code": "84", "nom": "Auvergne-Rhône-Alpes"}, {"code": "984", "nom": "Terres"}]
    files = {"communes": communes, "epci": epci, "departements": departements, "regions": regions}
    for file, content in files.items():
        (data / f"{file}.json").write_text(json.dumps(content))
    (directory / "package.json").write_text(json.dumps({"name": name, "version": "9.9.9"}))
    return directory


def test_package_of_2021_gives_the_population_in_force_that_year(tmp_path):
    content = read_package(_package(tmp_path), 2021)
    assert [(row.code, row.population) for row in content.communes] == [("01001", 100), ("01002", 0), ("98411", None)]


def test_package_of_2026_gives_the_population_of_the_communes_file(tmp_path):
    content = read_package(_package(tmp_path), 2026)
    assert [(row.code, row.population) for row in content.communes] == [("01001", 110), ("01002", 0), ("98411", None)]


def test_package_leaves_out_former_communes_and_overseas_collectivities(tmp_path):
    content = read_package(_package(tmp_path), 2026)
    assert [row.name for row in content.communes] == ["Une", "Deux", "Îles"]
    assert [(group.kind, group.code) for group in content.groups] == [
        ("epci", "200000172"),
        ("departement", "01"),
        ("region", "84"),
    ]
    assert content.communes[2].region_code == ""


def test_package_says_its_source_and_licence(tmp_path):
    content = read_package(_package(tmp_path), 2026)
    assert content.source == "@etalab/decoupage-administratif 9.9.9 (INSEE, DGCL)"
    assert "Licence Ouverte" in content.licence


def test_another_package_is_refused(tmp_path):
    with pytest.raises(PackageError, match="not an unpacked"):
        read_package(_package(tmp_path, name="autre"), 2026)


def test_a_year_without_described_populations_is_refused(tmp_path):
    with pytest.raises(PackageError, match="2024"):
        read_package(_package(tmp_path), 2024)


def test_archive_is_read_back_identical_and_always_has_the_same_bytes(tmp_path):
    content = read_package(_package(tmp_path / "package"), 2026)
    path = archive.write(content, tmp_path)
    first = archive.checksum(path)
    assert archive.read(path) == content
    archive.write(content, tmp_path)
    assert archive.checksum(path) == first


def test_shipped_vintages_are_small_and_state_source_and_licence():
    assert archive.available_years() == [2021, 2026]
    for year in archive.available_years():
        path = archive.path_of(year)
        content = archive.read(path)
        assert path.stat().st_size < 600_000
        assert "@etalab/decoupage-administratif" in content.source
        assert "Licence Ouverte" in content.licence
        assert str(year) in content.population_note

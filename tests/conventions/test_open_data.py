"""The open data file against each constraint of the schema « subventions » 2.1.1."""

import csv
import io
import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conventions.models import Convention
from conventions.open_data import COLUMNS, _text, fractions
from tests.factories.conventions import ConventionWorld, pay_as

pytestmark = pytest.mark.usefixtures("ready_bytes")

NAMES = [
    *("nomAttribuant", "idAttribuant", "dateConvention", "referenceDecision", "nomBeneficiaire", "idBeneficiaire"),
    *("rnaBeneficiaire", "objet", "montant", "nature", "conditionsVersement", "datesPeriodeVersement", "idRAE"),
    *("notificationUE", "pourcentageSubvention", "dispositifAide"),
]
REQUIRED = set(NAMES) - {"referenceDecision", "idBeneficiaire", "rnaBeneficiaire", "idRAE", "dispositifAide"}
PATTERNS = {
    "idAttribuant": r"\d{14}",
    "dateConvention": r"\d{4}-\d{2}-\d{2}",
    "idBeneficiaire": r"\d{14}",
    "rnaBeneficiaire": r"W\d{9}",
    "objet": r".{1,256}",
    "montant": r"\d+(\.\d{1,2})?",
    "nature": "aide en numéraire|aide en nature|aide en numéraire;aide en nature|aide en nature;aide en numéraire",
    "conditionsVersement": r".{1,256}",
    "datesPeriodeVersement": r"[0-9]{4}\-[0-9]{2}\-[0-9]{2}(\/[0-9]{4}\-[0-9]{2}\-[0-9]{2})?",
    "idRAE": r".{1,5}",
    "notificationUE": r"oui|non",
    "pourcentageSubvention": r"[01](\.\d+)?",
}


def read(client):
    answer = client.get("/donnees-ouvertes/subventions.csv")
    assert answer.status_code == 200
    content = b"".join(answer.streaming_content)
    text = content.decode("utf-8")
    assert not text.startswith("\ufeff")
    reader = csv.DictReader(io.StringIO(text))
    rows = list(reader)
    assert reader.fieldnames == NAMES
    return rows


def assert_valid(rows):
    for row in rows:
        for name in NAMES:
            value = row[name]
            assert value or name not in REQUIRED, name
            if value and name in PATTERNS:
                assert re.fullmatch(PATTERNS[name], value), (name, value)
        date.fromisoformat(row["dateConvention"])
        for day in row["datesPeriodeVersement"].split("/"):
            date.fromisoformat(day)
        assert Decimal("0.01") <= Decimal(row["pourcentageSubvention"]) <= 1


def test_columns_are_those_of_the_schema_in_order():
    assert [column.name for column in COLUMNS] == NAMES
    assert {column.name for column in COLUMNS if column.is_required} == REQUIRED


def test_signed_convention_is_published_and_others_are_not(client, db):
    world = ConventionWorld(1)
    convention = world.signed_once()
    assert read(client) == []
    assert "Rien à publier" in client.get("/donnees-ouvertes/").content.decode()
    from tests.factories.conventions import sign_as

    sign_as(convention, world.signatory)
    rows = read(client)
    assert_valid(rows)
    assert len(rows) == 1
    row = rows[0]
    assert row["montant"] == "10000.00"
    assert row["dateConvention"] == "2021-11-06"
    assert row["pourcentageSubvention"] == "1"
    assert row["datesPeriodeVersement"] == "2022-01-10/2023-03-31"
    assert row["conditionsVersement"] == "unique"
    assert row["idBeneficiaire"] == "", "a fictitious SIRET is not published"
    assert "subventions.csv" in client.get("/donnees-ouvertes/").content.decode()


def test_paid_convention_gives_the_day_of_the_payment(client, db):
    world = ConventionWorld(1)
    convention = world.signed()
    payment = pay_as(convention, world.officer)
    rows = read(client)
    assert_valid(rows)
    assert rows[0]["datesPeriodeVersement"] == payment.paid_on.isoformat()


def test_one_row_per_beneficiary_whose_shares_make_the_whole(client, db):
    world = ConventionWorld(1)
    organisation = world.applications[0].organisation
    type(organisation).objects.filter(pk=organisation.pk).update(siret_is_fictitious=False)
    world.share(world.applications[0], "7000.00", "2990.00", "10.00")
    world.signed()
    rows = read(client)
    assert_valid(rows)
    assert [row["pourcentageSubvention"] for row in rows] == ["0.7", "0.299", "0.01"]
    assert {row["montant"] for row in rows} == {"10000.00"}
    assert [bool(row["idBeneficiaire"]) for row in rows] == [True, False, False]
    assert len({row["nomBeneficiaire"] for row in rows}) == 3


def test_hostile_texts_stay_one_cell_on_one_line(client, db):
    world = ConventionWorld(1, title='=HYPERLINK("x"), "a"\nb' + "é" * 170)
    world.signed()
    rows = read(client)
    assert_valid(rows)
    assert rows[0]["objet"].startswith("'=HYPERLINK")


def test_nothing_personal_or_bancal_is_published(client, db):
    convention = ConventionWorld(1).signed()
    content = b"".join(client.get("/donnees-ouvertes/subventions.csv").streaming_content).decode()
    for secret in (convention.data["bank"]["iban"], "Moreau", "example.fr", convention.verification_code):
        assert secret not in content


def test_attributor_without_siret_is_left_out(client, db):
    world = ConventionWorld(1)
    world.signed()
    type(world.call).objects.filter(pk=world.call.pk).update(steward_siret="")
    assert read(client) == []
    assert Convention.objects.filter(state="signed").count() == 1


@pytest.mark.parametrize(
    ("amounts", "shown"),
    [
        (["1", "1", "1"], ["0.3334", "0.3333", "0.3333"]),
        (["1", "999999"], ["0.01", "1"]),
        (["1"], ["1"]),
        (["5000.10", "2500.05", "2499.85"], ["0.5", "0.25", "0.25"]),
        (["1", "2", "3", "4", "5", "6"], ["0.0476", "0.0952", "0.1429", "0.1905", "0.2381", "0.2857"]),
    ],
)
def test_fractions_add_up_within_the_schema(amounts, shown):
    assert fractions([Decimal(amount) for amount in amounts]) == shown


@given(st.lists(st.integers(min_value=2, max_value=90), min_size=2, max_size=20))
def test_fractions_of_parts_above_the_least_add_up_to_one(weights):
    found = [Decimal(text) for text in fractions([Decimal(weight) for weight in weights])]
    if min(Decimal(weight) / sum(weights) for weight in weights) >= Decimal("0.01"):
        assert sum(found) == 1
    assert all(Decimal("0.01") <= part <= 1 for part in found)
    assert all(-part.as_tuple().exponent <= 4 for part in found)


def test_texts_are_cut_at_the_length_of_the_schema():
    assert len(_text("é" * 300)) == 256
    assert len(_text("=" + "é" * 300)) == 256
    assert _text("a\n b") == "a b"

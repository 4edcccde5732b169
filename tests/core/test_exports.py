"""Tables that leave the site: nothing that a spreadsheet computes, numbers as numbers."""

import csv
from datetime import UTC, datetime
from decimal import Decimal as D
from io import BytesIO, StringIO

import openpyxl
import pytest
import tablib

from core.exports import WRITERS, cell, table_response

NASTY = ["=1+1", "+33 1 02", "-cmd", "@SUM(A1)", "\tx", "\rx"]


def body(response):
    return b"".join(response.streaming_content)


@pytest.mark.parametrize("text", NASTY)
def test_cell_that_begins_like_a_formula_is_neutralised_and_reads_back(text):
    assert cell(text) == f"'{text}"
    assert cell(text).removeprefix("'") == text


def test_numbers_stay_numbers_even_negative():
    assert cell(D("-12.5")) == "-12,50"
    assert cell(None) == ""
    assert cell(True) == "oui"
    assert cell("L’axe = 3") == "L’axe = 3"


ROWS = [['=HYPERLINK("x")', D("-12.50"), datetime(2021, 7, 1, 22, 30, tzinfo=UTC), 3], ["é\x0b", D("0"), None, 4]]
HEADER = ["Intitulé", "Montant (€)", "Déposé le", "Nombre"]


def test_csv_opens_in_a_french_spreadsheet():
    response = table_response(file_format="csv", stem="t", header=HEADER, rows=ROWS)
    text = body(response).decode("utf-8-sig")
    assert list(csv.reader(StringIO(text), delimiter=";"))[:2] == [
        HEADER,
        ['\'=HYPERLINK("x")', "-12,50", "02/07/2021 00:30", "3"],
    ]


def test_xlsx_holds_text_as_text_and_amounts_as_numbers():
    response = table_response(file_format="xlsx", stem="t", header=HEADER, rows=ROWS)
    sheet = openpyxl.load_workbook(BytesIO(body(response))).active
    first = next(iter(sheet.iter_rows(min_row=2, max_row=2)))
    assert [one.data_type for one in first] == ["s", "n", "d", "n"]
    assert [one.value for one in first] == ['\'=HYPERLINK("x")', -12.5, datetime(2021, 7, 2, 0, 30), 3]
    assert sheet["A3"].value == "é"


def test_ods_holds_text_as_text_and_amounts_as_numbers():
    response = table_response(file_format="ods", stem="t", header=HEADER, rows=ROWS)
    table = tablib.Dataset().load(body(response), format="ods")
    assert table.headers == HEADER
    assert table[0] == ('\'=HYPERLINK("x")', -12.5, datetime(2021, 7, 2, 0, 30), 3)


@pytest.mark.parametrize("file_format", WRITERS)
def test_every_table_is_a_private_attachment(file_format):
    response = table_response(file_format=file_format, stem="dossiers", header=HEADER, rows=ROWS)
    assert response["Content-Disposition"] == f'attachment; filename="dossiers.{file_format}"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cache-Control"] == "private, no-store"

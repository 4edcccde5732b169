"""Tables that leave the site: text cells that a spreadsheet would take for a formula are neutralised."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, TypeVar

from django.http import FileResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone

FORMULA = ("=", "+", "-", "@", "\t", "\r")
# What XML cannot hold; a spreadsheet that carries one does not open.
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")

R = TypeVar("R", bound=HttpResponseBase)


class _Echo:
    def write(self, value: str) -> str:
        return value


def cell(value: Any) -> str:
    """A value as text: amounts with a decimal comma, days as in France, and no formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, Decimal):
        return f"{value:.2f}".replace(".", ",")
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%d/%m/%Y %H:%M")
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y")
    text = str(value)
    if text.startswith(FORMULA) and not re.fullmatch(r"-?\d+(,\d+)?", text):
        return f"'{text}"
    return text


def typed_cell(value: Any) -> Any:
    """The same for the formats whose cells have a type: numbers stay numbers, instants are told in Paris time."""
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return value
    if isinstance(value, datetime):
        return timezone.localtime(value).replace(tzinfo=None, microsecond=0)
    if isinstance(value, date):
        return value
    return CONTROLS.sub("", cell(value))


def csv_response(*, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """A CSV for French spreadsheets (UTF-8 with its mark, semicolons), sent as it is read."""
    writer = csv.writer(_Echo(), delimiter=";")

    def lines() -> Iterator[str]:
        yield "\ufeff"
        yield writer.writerow(header)
        for row in rows:
            yield writer.writerow([cell(value) for value in row])

    response = StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return _private(response)


def xlsx_response(*, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> FileResponse:
    """The same table for Excel; text is written as text, so that nothing is ever computed."""
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Données")
    sheet.append(list(header))
    for row in rows:
        cells = []
        for value in row:
            one = WriteOnlyCell(sheet, typed_cell(value))
            if isinstance(value, str):
                one.data_type = "s"
            elif isinstance(value, Decimal):
                one.number_format = "#,##0.00"
            cells.append(one)
        sheet.append(cells)
    content = BytesIO()
    book.save(content)
    media_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _attached(content, name, media_type)


def ods_response(*, name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> FileResponse:
    """The same table for LibreOffice."""
    import tablib

    table = tablib.Dataset(headers=list(header), title="Données")
    for row in rows:
        table.append([typed_cell(value) for value in row])
    content = BytesIO(table.export("ods"))
    return _attached(content, name, "application/vnd.oasis.opendocument.spreadsheet")


WRITERS = {"csv": csv_response, "xlsx": xlsx_response, "ods": ods_response}


def table_response(
    *, file_format: str, stem: str, header: Sequence[str], rows: Iterable[Sequence[Any]]
) -> HttpResponseBase:
    """A table in one of ``WRITERS``; ``stem`` is the name of the file without its extension."""
    return WRITERS[file_format](name=f"{stem}.{file_format}", header=header, rows=rows)


def _attached(content: BytesIO, name: str, media_type: str) -> FileResponse:
    content.seek(0)
    return _private(FileResponse(content, as_attachment=True, filename=name, content_type=media_type))


def _private(response: R) -> R:
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response

"""What is published of the subsidies: open to everyone, signed conventions only (CRPA L312-1-1)."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from conventions.open_data import COLUMNS, csv_lines, published


@login_not_required
@require_safe
def open_data(request: HttpRequest) -> HttpResponse:
    """What the file holds, under which licence, since when."""
    rows = published()
    latest = rows.order_by("-signed_at").first()
    context = {"count": rows.count(), "latest": latest.signed_at if latest else None, "columns": COLUMNS}
    return render(request, "conventions/open_data.html", context)


@login_not_required
@require_safe
def open_data_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The schema « subventions » of the SCDL, version 2.1.1: UTF-8, commas, decimal point, one row per beneficiary."""
    response = StreamingHttpResponse(csv_lines(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="subventions.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    return response

"""Following the money: the tree, one envelope, the dossiers behind each figure, exports. GET never writes."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from applications.models import Application
from applications.permissions import screening_scope
from budget import queries, services, tables
from budget.forms import PaymentCreditsForm, TreeFilters
from budget.models import Envelope
from budget.permissions import Reading, may_open_credits, reading_of
from budget.queries import FIGURES, Figure, Node
from calls.models import Call
from core.errors import Refused
from core.exports import WRITERS, table_response
from core.money import euros
from territories.names import normalise

PER_PAGE = 25


def _call(reading: Reading, code: str) -> Call:
    """A call of which the person may read an envelope, or 404."""
    calls = Call.objects.filter(pk__in=reading.envelopes().values("call"))
    return get_object_or_404(calls, code=code)


@dataclass
class Opened:
    """One envelope with its subtree; ``has_detail``: entries and dossiers may be read too."""

    call: Call
    node: Node
    has_detail: bool


def _open(request: HttpRequest, call: str, envelope: str, *, needs_detail: bool = False) -> Opened:
    """The envelope among those the person may read, or 404, whether it exists or not."""
    reading = reading_of(request.user, timezone.now())
    row = get_object_or_404(reading.envelopes().select_related("call"), call__code=call, code=envelope)
    has_detail = reading.envelopes(with_detail=True).filter(pk=row.pk).exists()
    if needs_detail and not has_detail:
        raise Http404
    nodes = (node for top in queries.tree(row.call, reading.envelopes(), reader=request.user) for node in top.walk())
    return Opened(row.call, next(node for node in nodes if node.envelope.pk == row.pk), has_detail)


@require_safe
def budget_overview(request: HttpRequest) -> HttpResponse:
    """The calls whose money I may follow; straight to the call when there is one."""
    reading = reading_of(request.user, timezone.now())
    if not reading.scope:
        raise Http404
    calls = list(Call.objects.filter(pk__in=reading.envelopes().values("call")).order_by("-opens_at", "pk"))
    if len(calls) == 1:
        return redirect("budget_call", call=calls[0].code)
    return render(request, "budget/overview.html", {"calls": calls})


@require_safe
def budget_call(request: HttpRequest, call: str) -> HttpResponse:
    """The envelope tree as chart and table, départements folded, with what admissible dossiers ask for."""
    at = timezone.now()
    reading = reading_of(request.user, at)
    opened = _call(reading, call)
    tops = queries.tree(opened, reading.envelopes(), reader=request.user)
    form = TreeFilters(request.GET)
    wanted = form.cleaned_data["departement"].strip() if form.is_valid() else ""
    context = {
        "call": opened,
        "tops": tops,
        "sections": tables.sections(tops, normalise(wanted)),
        "series": tables.SERIES,
        "bars": tables.bars(tops),
        "credits": queries.payment_credits(opened),
        "sees_credits": any(top.envelope.parent_id is None for top in tops),
        "form": form,
        "wanted": wanted,
        "detailed": set(reading.envelopes(with_detail=True).filter(call=opened).values_list("pk", flat=True)),
        "may_open_credits": may_open_credits(request.user, opened, at),
    }
    return render(request, "budget/call.html", context)


@require_safe
def budget_export(request: HttpRequest, call: str, file_format: str) -> HttpResponseBase:
    """The tree as a spreadsheet."""
    if file_format not in WRITERS:
        raise Http404
    reading = reading_of(request.user, timezone.now())
    opened = _call(reading, call)
    rows = tables.tree_rows(queries.tree(opened, reading.envelopes(), reader=request.user))
    return table_response(
        file_format=file_format, stem=f"enveloppes-{opened.code}", header=tables.TREE_HEADER, rows=rows
    )


@require_safe
def envelope_detail(request: HttpRequest, call: str, envelope: str) -> HttpResponse:
    """One envelope: its balance, what it contains and, for those who may, its entries."""
    opened = _open(request, call, envelope)
    address = [opened.call.code, opened.node.envelope.code]
    context: dict[str, Any] = {
        "call": opened.call,
        "node": opened.node,
        "has_detail": opened.has_detail,
        "requests_url": reverse("envelope_requests", args=address) if opened.has_detail else "",
        "links": {
            slug: reverse("envelope_dossiers", args=[*address, slug]) if opened.has_detail else "" for slug in FIGURES
        },
        "formats": tuple(WRITERS),
    }
    if opened.has_detail:
        order = tables.entry_order(request.GET.get("tri", ""))
        page = Paginator(queries.entries_of(opened.node.envelope).order_by(*order), PER_PAGE).get_page(
            request.GET.get("page")
        )
        context |= {"page": page, "visible": _visible(request, [row.application_id for row in page.object_list])}
    return render(request, "budget/envelope.html", context)


@require_safe
def envelope_dossiers(request: HttpRequest, call: str, envelope: str, figure: str) -> HttpResponse:
    """The dossiers behind a figure; those the person may not see count in the total and nowhere else."""
    opened = _open(request, call, envelope, needs_detail=True)
    shown = _figure(figure)
    behind = tables.Behind.of(opened.node, shown, _scope(request))
    page = Paginator(behind.rows.order_by(*tables.award_order(request.GET.get("tri", ""), shown)), PER_PAGE).get_page(
        request.GET.get("page")
    )
    context = {
        "call": opened.call,
        "node": opened.node,
        "figure": shown,
        "figures": FIGURES.values(),
        "behind": behind,
        "page": page,
        "formats": tuple(WRITERS),
        "lines": [(row, getattr(row, shown.column)) for row in page.object_list],
    }
    return render(request, "budget/dossiers.html", context)


@require_safe
def envelope_requests(request: HttpRequest, call: str, envelope: str) -> HttpResponse:
    """The admissible dossiers that wait for a decision on this envelope: what the forecast counts."""
    opened = _open(request, call, envelope, needs_detail=True)
    every = queries.requests_behind(opened.node, reader=request.user)
    seen = every.filter(pk__in=_scope(request).values("pk"))
    page = Paginator(seen.order_by("number", "pk"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "call": opened.call,
        "node": opened.node,
        "page": page,
        "hidden_count": opened.node.requested_count - page.paginator.count,
    }
    return render(request, "budget/requests.html", context)


@require_safe
def envelope_dossiers_export(
    request: HttpRequest, call: str, envelope: str, figure: str, file_format: str
) -> HttpResponseBase:
    """The same dossiers as a spreadsheet, only those the person may see."""
    if file_format not in WRITERS:
        raise Http404
    opened = _open(request, call, envelope, needs_detail=True)
    shown = _figure(figure)
    rows = tables.award_rows(tables.Behind.of(opened.node, shown, _scope(request)).rows)
    stem = f"dossiers-{opened.node.envelope.code}-{shown.slug}"
    return table_response(file_format=file_format, stem=stem, header=tables.AWARD_HEADER, rows=rows)


@require_safe
def envelope_entries_export(request: HttpRequest, call: str, envelope: str, file_format: str) -> HttpResponseBase:
    """The entries of an envelope as a spreadsheet; a dossier out of sight is not named."""
    if file_format not in WRITERS:
        raise Http404
    opened = _open(request, call, envelope, needs_detail=True)
    rows = tables.entry_rows(queries.entries_of(opened.node.envelope), _scope(request))
    stem = f"ecritures-{opened.node.envelope.code}"
    return table_response(file_format=file_format, stem=stem, header=tables.ENTRY_HEADER, rows=rows)


@require_http_methods(["GET", "HEAD", "POST"])
def payment_credits_open(request: HttpRequest, call: str) -> HttpResponse:
    """An officer of the whole call opens payment credits of a year."""
    at = timezone.now()
    opened = _call(reading_of(request.user, at), call)
    if not may_open_credits(request.user, opened, at):
        raise Http404
    root = get_object_or_404(Envelope, call=opened, parent=None)
    form = PaymentCreditsForm(
        request.POST or None, first=timezone.localtime(opened.opens_at).year, today=timezone.localdate(at)
    )
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.open_payment_credits(
                envelope=root,
                year=data["year"],
                amount=data["amount"],
                at=at,
                actor=request.user,  # type: ignore[arg-type]
                key=f"credits:{data['idempotency_key']}",
                reason=data["reason"],
            )
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, f"{euros(data['amount'])} de crédits de paiement ouverts pour {data['year']}.")
            return redirect("budget_call", call=opened.code)
    credits = queries.payment_credits(opened)
    return render(request, "budget/payment_credits.html", {"call": opened, "form": form, "credits": credits})


def _figure(slug: str) -> Figure:
    figure = FIGURES.get(slug)
    if figure is None:
        raise Http404
    return figure


def _scope(request: HttpRequest) -> Any:
    """The dossiers that the person may see as an agent: never more than anywhere else on the site."""
    return screening_scope(Application.objects.all(), request.user)


def _visible(request: HttpRequest, pks: list[Any]) -> set[Any]:
    return set(_scope(request).filter(pk__in=[pk for pk in pks if pk]).values_list("pk", flat=True))

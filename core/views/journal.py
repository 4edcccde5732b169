"""The journal, to read: for those who control."""

from typing import Any

from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.forms import JournalFilters
from core.journal import hidden_chains
from core.journal_words import act_in_words, data_in_words, state_in_words
from core.models import JournalAnchor, JournalEntry

PER_PAGE = 50


@require_safe
def journal(request: HttpRequest) -> HttpResponse:
    """The entries, the latest first: all, those of one chain, or those of one act; none of a chain still hidden, none
    for a filter that no entry can match."""
    if not request.user.has_perm("core.view_journalentry"):
        raise Http404
    filters = JournalFilters(request.GET, auto_id="%s")
    hidden = [name for ask in hidden_chains for name in ask()]
    rows = JournalEntry.objects.exclude(chain__in=hidden).order_by("-id")
    if not filters.is_valid():
        rows = rows.none()
    if chain := filters.cleaned_data.get("chaine"):
        rows = rows.filter(Q(chain=chain) | Q(chain__endswith=f":{chain}"))
    if act := filters.cleaned_data.get("acte"):
        rows = rows.filter(action=act)
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    people = get_user_model().objects.in_bulk({row.actor_id for row in page if row.actor_id})
    lines = [_line(row, people.get(row.actor_id)) for row in page]
    return render(
        request,
        "core/journal.html",
        {
            "page": page,
            "lines": lines,
            "filters": filters,
            "chain": filters.typed("chaine"),
            "acts": filters.fields["acte"].choices,  # type: ignore[attr-defined]
            "act": filters.typed("acte"),
            "anchor": JournalAnchor.objects.order_by("-number").first(),
        },
    )


def _line(row: JournalEntry, actor: Any) -> dict[str, Any]:
    told, proofs = data_in_words(row.data)
    return {
        "row": row,
        "actor": actor,
        "act": act_in_words(row.action),
        "before": state_in_words(row.action, row.from_state),
        "after": state_in_words(row.action, row.to_state),
        "told": told,
        "proofs": proofs,
    }

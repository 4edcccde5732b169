"""The journal, to read: for those who control."""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from core.exports import csv_response
from core.forms import JournalFilters
from core.journal import hidden_chains
from core.journal_names import Names
from core.journal_words import (
    act_in_words,
    chain_in_words,
    data_in_words,
    may_be_named,
    names_for,
    state_in_words,
)
from core.models import Chain, JournalAnchor, JournalEntry

PER_PAGE = 50
NUMBER = re.compile(r"[A-Za-z]{1,10}-[0-9]{4}-[0-9]{1,8}")


@require_safe
def journal(request: HttpRequest) -> HttpResponse:
    """The entries, the latest first, as filtered; none of a chain still hidden, none for a filter no entry can match."""
    if not request.user.has_perm("core.view_journalentry"):
        raise Http404
    filters = JournalFilters(request.GET, auto_id="%s")
    page = Paginator(_rows(filters), PER_PAGE).get_page(request.GET.get("page"))
    lines = _lines(request, list(page))
    return render(
        request,
        "core/journal.html",
        {
            "page": page,
            "lines": lines,
            "filters": filters,
            # Said of the text asked for alone, whether such a jury exists or not.
            "asks_jury": filters.data.get("chaine", "").strip().lower().startswith("jury:"),
            "anchor": JournalAnchor.objects.only("number", "sealed_at").order_by("-number").first(),
        },
    )


EXPORT_HEADER = (
    "Objet",
    "Écriture n°",
    "Acte",
    "État avant",
    "État après",
    "Date de l’acte",
    "Auteur",
    "Motif",
    "Détail",
    "Chaîne",
    "Code de l’acte",
    "Empreinte SHA-256",
)
EXPORT_BATCH = 500


@require_safe
def journal_export(request: HttpRequest) -> HttpResponseBase:
    """The same entries as the page, filters included, as a CSV: what the reader sees, and the codes and prints that prove it."""
    if not request.user.has_perm("core.view_journalentry"):
        raise Http404
    rows = _rows(JournalFilters(request.GET, auto_id="%s"))
    return csv_response(name="journal.csv", header=EXPORT_HEADER, rows=_cells(request, rows))


def _cells(request: HttpRequest, rows: QuerySet[JournalEntry]) -> Iterator[tuple[Any, ...]]:
    """Names are looked up a batch at a time: their cost grows with the batches, never with the rows."""
    entries = rows.iterator(chunk_size=EXPORT_BATCH)
    while batch := list(islice(entries, EXPORT_BATCH)):
        for line in _lines(request, batch):
            row = line["row"]
            detail = " ; ".join(f"{name} : {value}" for name, value in line["told"])
            named = [line["chain"], row.number, line["act"], line["before"], line["after"], row.at, _author(line)]
            yield (*named, line["reason"], detail, row.chain, row.action, row.hash)


def _author(line: dict[str, Any]) -> str:
    if line["actor"]:
        return str(line["actor"])
    return f"compte {line['row'].actor_id}" if line["row"].actor_id else "le site"


def _lines(request: HttpRequest, rows: Sequence[JournalEntry]) -> list[dict[str, Any]]:
    """These entries in words, with the names that the reader may read today."""
    people = get_user_model().objects.in_bulk({row.actor_id for row in rows if row.actor_id})
    names = names_for(request.user, rows)
    return [_line(row, people.get(row.actor_id), names) for row in rows]


def _rows(filters: JournalFilters) -> QuerySet[JournalEntry]:
    hidden = [name for ask in hidden_chains for name in ask()]
    rows = JournalEntry.objects.exclude(chain__in=hidden).order_by("-id")
    if not filters.is_valid():
        return rows.none()
    asked = filters.cleaned_data
    if chain := asked["chaine"]:
        rows = rows.filter(chain__in=_chains_named(chain))
    if asked["acte"]:
        rows = rows.filter(action=asked["acte"])
    if asked["du"]:
        rows = rows.filter(at__date__gte=asked["du"])
    if asked["au"]:
        rows = rows.filter(at__date__lte=asked["au"])
    return rows


def _chains_named(text: str) -> set[str]:
    """Chains by name, whole or after its colon. Found before their entries are, which are far more and indexed by chain."""
    names = {text, *Chain.objects.filter(name__endswith=f":{text}").values_list("name", flat=True)}
    if NUMBER.fullmatch(text):
        # A dossier or a convention has its chain under its key; one of its acts says the number people know. So may an act
        # of the whole call, whose chain is not that of the number.
        said = JournalEntry.objects.filter(data__has_key="number").alias(said=KeyTextTransform("number", "data"))
        chains = said.filter(said=text.upper()).values_list("chain", flat=True)
        names.update(chain for chain in chains if not chain.startswith("call:"))
    return names


def _line(row: JournalEntry, actor: Any, names: Names) -> dict[str, Any]:
    is_open = may_be_named(row.chain, names)
    own = names if is_open else {}
    told, proofs = data_in_words(row.data, own, action=row.action)
    return {
        "row": row,
        # Words about a dossier say of it what its page keeps from this reader.
        "reason": row.reason if is_open else "",
        "actor": actor,
        "chain": chain_in_words(row.chain, names),
        "act": act_in_words(row.action),
        "before": state_in_words(row.action, row.from_state),
        "after": state_in_words(row.action, row.to_state),
        "told": told,
        "proofs": proofs,
        "raw": json.dumps(row.data, ensure_ascii=False),
    }

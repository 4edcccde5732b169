"""Tags of the components of ``templates/components/``, available in every template."""

from collections.abc import Iterable, Sequence
from typing import Any

from django import template
from django.contrib.messages.storage.base import Message
from django.core.paginator import Page
from django.db.models import Model
from django.template import Context
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.components import charts, states
from core.money import NBSP, euros

register = template.Library()


@register.filter
def message_tone(message: Message) -> str:
    """info, success, warning or error."""
    return {"debug": "info"}.get(message.level_tag, message.level_tag)


@register.inclusion_tag("components/breadcrumb.html")
def breadcrumb(*steps: str) -> dict[str, Any]:
    """``{% breadcrumb "Appels" "call_list" "Titre" %}``: pairs of label and URL name (or path), then this page."""
    here = steps[-1]
    pairs = zip(steps[:-1:2], steps[1:-1:2], strict=True)
    trail = [{"label": label, "url": url if url.startswith("/") else reverse(url)} for label, url in pairs]
    return {"trail": trail, "here": here}


@register.inclusion_tag("components/badge.html")
def badge(label: str, tone: str = "", small: bool = False) -> dict[str, Any]:
    """A label with its tone: success, error, warning, info, new, or none (grey)."""
    return {"label": label, "tone": tone, "small": small}


@register.inclusion_tag("components/badge.html")
def badge_state(thing: Any, field: str = "state", small: bool = False) -> dict[str, Any]:
    """State of an object (``{% badge_state application %}``) or a member of an enumeration, in words and colour."""
    if isinstance(thing, Model):
        label, code = states.label_of(thing, field), str(getattr(thing, field))
    else:
        label, code = str(getattr(thing, "label", thing)), str(getattr(thing, "value", thing))
    return {"label": label[:1].upper() + label[1:], "tone": states.tone_of(code), "small": small}


@register.filter
def file_size(size: int) -> str:
    """« 184 Ko », « 1,2 Mo »: decimal units, as on the State's sites."""
    if size < 1000:
        return f"{size}{NBSP}octets"
    if size < 1_000_000:
        return f"{size / 1000:.0f}{NBSP}Ko"
    return f"{size / 1_000_000:.1f}".replace(".", ",") + f"{NBSP}Mo"


@register.simple_tag
def amount(value: Any) -> SafeString:
    """An amount that never breaks over two lines; unknown is said, never shown as zero."""
    if value is None:
        return format_html('<span class="guichet-amount">{}</span>', "non renseigné")
    return format_html('<span class="guichet-amount">{}</span>', euros(value))


@register.simple_block_tag
def table(content: str, caption: str, *, hide_caption: bool = False, cards: bool = False) -> SafeString:
    """``{% table "Dossiers déposés" %}<thead>…</thead><tbody>…</tbody>{% endtable %}``

    On a phone the table scrolls within a region that the keyboard reaches; with ``cards=True`` each row becomes a
    card, for which each ``td`` carries its heading in ``data-label``.
    """
    return format_html(
        '<div class="fr-table fr-table--multiline{}{}"><div class="fr-table__wrapper">'
        '<div class="fr-table__container" role="region" aria-label="{}" tabindex="0">'
        '<div class="fr-table__content"><table class="guichet-table"><caption>{}</caption>{}</table></div>'
        "</div></div></div>",
        " fr-table--no-caption" if hide_caption else "",
        " guichet-table--cards" if cards else "",
        caption,
        caption,
        SafeString(content),
    )


@register.inclusion_tag("components/sort_header.html", takes_context=True)
def sort_header(
    context: Context, label: str, key: str, parameter: str = "tri", numeric: bool = False
) -> dict[str, Any]:
    """A column heading that sorts: first ascending, then descending; other parameters are kept."""
    query = context["request"].GET.copy()
    current = query.get(parameter, "")
    direction = {key: "ascending", f"-{key}": "descending"}.get(current, "")
    query[parameter] = f"-{key}" if direction == "ascending" else key
    query.pop("page", None)
    return {"label": label, "direction": direction, "url": f"?{query.urlencode()}", "numeric": numeric}


@register.inclusion_tag("components/pagination.html", takes_context=True)
def pagination(context: Context, page: Page, parameter: str = "page") -> dict[str, Any]:
    """Links to the other pages of a list, keeping filters and order."""
    query = context["request"].GET.copy()

    def address(number: int) -> str:
        query[parameter] = str(number)
        return f"?{query.urlencode()}"

    shown: Iterable[int | str] = page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1)
    numbers = [
        {"number": number, "url": address(number), "current": number == page.number}
        if isinstance(number, int)
        else {"number": "", "url": "", "current": False}
        for number in shown
    ]
    return {
        "page": page,
        "numbers": numbers,
        "previous_url": address(page.previous_page_number()) if page.has_previous() else "",
        "next_url": address(page.next_page_number()) if page.has_next() else "",
    }


@register.inclusion_tag("components/bar_chart.html")
def bar_chart(
    title: str, series: Sequence[str], rows: Sequence[Sequence[Any]], with_table: bool = True, rest: str = ""
) -> dict[str, Any]:
    """Stacked bars of amounts with their table. ``rows``: (label, [amount of each series], optional address).

    ``rest``: the series that is what is left, drawn quieter than the others.
    """
    return {"chart": charts.stacked_bars(title, series, rows, rest=rest), "with_table": with_table}


@register.inclusion_tag("components/progress.html")
def progress(done: int, total: int, label: str, url: str = "", finished_text: str = "") -> dict[str, Any]:
    """How far a batch is. While it runs the component asks ``url`` for itself; without scripts a link refreshes."""
    return {
        "done": done,
        "total": total,
        "label": label,
        "url": url,
        "finished": done >= total,
        "finished_text": finished_text,
    }


@register.inclusion_tag("components/kpi.html")
def kpi(label: str, value: Any, detail: str = "", url: str = "") -> dict[str, Any]:
    """A figure with what it counts and, where it exists, the page of what is behind it."""
    return {"label": label, "value": value, "detail": detail, "url": url}


@register.inclusion_tag("components/file_link.html")
def file_link(url: str, name: str, media_type: str = "", size: int | None = None, detail: str = "") -> dict[str, Any]:
    """A download, with the type and the size the reader will receive."""
    kinds = {"application/pdf": "PDF", "text/csv": "CSV", "application/zip": "ZIP", "application/json": "JSON"}
    kind = kinds.get(media_type, name.rsplit(".", 1)[-1].upper() if "." in name else "")
    return {"url": url, "name": name, "kind": kind, "size": size, "detail": detail}

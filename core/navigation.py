"""Main navigation: rooms add their entries, each page shows those its reader may open.

A room writes ``<room>/navigation.py``, imported at the first page::

    from core.navigation import register

    register("Instruction", "Dossiers déposés", "screening_list", visible=is_screener, order=30, todo=to_screen)

``todo`` says in a few words what waits there for this person (« 3 dossiers à instruire »), or nothing: the home page
lists it. It may give links instead, one for each kind of work, where they lead further than the entry. ``visible``
receives the user of the request. What it has to look up goes through ``once(user, key, compute)``, so that a page pays
for it once however many entries ask.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeVar

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import autodiscover_modules

# What fits on one line of a screen 1 280 pixels wide.
MOST_SECTIONS = 7

T = TypeVar("T")
Visible = Callable[[Any], bool]
Todo = Callable[[Any], "str | list[Link]"]


def everyone(user: Any) -> bool:
    """Visible to all, signed in or not."""
    return True


def signed_in(user: Any) -> bool:
    """Visible to whoever is signed in."""
    return bool(user.is_authenticated)


def once(user: Any, key: str, compute: Callable[[], T]) -> T:
    """``compute()``, remembered on this user object, which lives as long as the request."""
    known: dict[str, Any] = user.__dict__.setdefault("_navigation_once", {})
    if key not in known:
        known[key] = compute()
    return known[key]


def counted(number: int, one: str, many: str) -> str:
    """« 3 dossiers à instruire » from 3, « dossier à instruire », « dossiers à instruire »; nothing from 0."""
    return f"{number}\u00a0{one if number == 1 else many}" if number else ""


@dataclass(frozen=True)
class Entry:
    """One page of the menu, as registered by its room."""

    section: str
    label: str
    url_name: str
    visible: Visible
    order: int
    todo: Todo | None = None
    todo_query: str = ""


@dataclass
class Link:
    """An entry as shown. ``current`` is ``page`` when the reader is there, ``true`` when below it, else empty."""

    label: str
    url: str
    current: str = ""


@dataclass
class Section:
    """Entries under one heading. A section of a single entry is shown as a plain link."""

    label: str
    links: list[Link] = field(default_factory=list)

    @property
    def is_menu(self) -> bool:
        return len(self.links) > 1

    @property
    def is_current(self) -> bool:
        return any(link.current for link in self.links)


_entries: list[Entry] = []


def register(
    section: str,
    label: str,
    url_name: str,
    *,
    visible: Visible = signed_in,
    order: int = 50,
    todo: Todo | None = None,
    todo_query: str = "",
) -> None:
    """Add a page to the menu. Smaller ``order`` comes first; a section stands where its first entry does.

    ``todo_query`` opens the page on what waits there (« ?etat=submitted »).
    """
    entry = Entry(section, label, url_name, visible, order, todo, todo_query)
    if entry not in _entries:
        _entries.append(entry)


@cache
def _discover() -> None:
    autodiscover_modules("navigation")


def _links(entries: list[Entry], user: Any) -> list[tuple[Entry, Link]]:
    shown = []
    for entry in entries:
        try:
            url = reverse(entry.url_name)
        except NoReverseMatch:
            continue
        if entry.visible(user):
            shown.append((entry, Link(label=entry.label, url=url)))
    return shown


def _mark_current(links: list[Link], path: str) -> None:
    """The longest address that the path starts with is where the reader is; the home page only counts exactly."""
    above = [link for link in links if link.url == path or (link.url != "/" and path.startswith(link.url))]
    if above:
        nearest = max(above, key=lambda link: len(link.url))
        nearest.current = "page" if nearest.url == path else "true"


def sections(request: HttpRequest, *, is_folded: bool = True) -> list[Section]:
    """The menu for the reader of ``request``, in order; ``is_folded`` so that it holds on one line."""
    _discover()
    ordered = sorted(_entries, key=lambda entry: entry.order)
    user = getattr(request, "user", None)
    if user is None:
        return []
    shown = _links(ordered, user)
    _mark_current([link for _, link in shown], request.path)
    found: dict[str, Section] = {}
    for entry, link in shown:
        found.setdefault(entry.section, Section(label=entry.section)).links.append(link)
    return _folded(list(found.values())) if is_folded else list(found.values())


def _folded(found: list[Section]) -> list[Section]:
    """At most ``MOST_SECTIONS`` headings: beyond, the last ones share a menu."""
    if len(found) <= MOST_SECTIONS:
        return found
    kept, rest = found[: MOST_SECTIONS - 1], found[MOST_SECTIONS - 1 :]
    return [*kept, Section(label="Autres pages", links=[link for section in rest for link in section.links])]


def waiting_for(user: Any) -> list[Link]:
    """What waits for this person, page by page, in the order of the menu: « 3 dossiers à instruire »."""
    _discover()
    found = []
    for entry, link in _links(sorted(_entries, key=lambda entry: entry.order), user):
        waiting = entry.todo(user) if entry.todo is not None and user.is_authenticated else ""
        if isinstance(waiting, str):
            waiting = [Link(label=waiting, url=f"{link.url}{entry.todo_query}")] if waiting else []
        found.extend(waiting)
    return found

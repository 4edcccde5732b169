"""What the ids of the journal are called today, for one reader. Sealed rows hold ids; pages show the names.

A room registers its lookups with its words::

    journal_words.register(acts=…, names={"application": numbers_of_dossiers})

A lookup receives the reader and ids as texts, and gives the names of those that this reader may open. It is called once
for a page, with all the ids of its rows.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

Lookup = Callable[[Any, set[str]], Mapping[str, str]]
# Of a datum or of a chain, to the name of what it points to.
Names = Mapping[tuple[str, str], str]

_lookups: dict[str, Lookup] = {}


def register(lookups: Mapping[str, Lookup]) -> None:
    """Give the lookups of a room: by name of datum or of model, and by kind of chain with its colon."""
    _lookups.update(lookups)


def has_lookup(kind: str) -> bool:
    """Whether somebody gives names to the ids of this kind."""
    return kind in _lookups


def names_in(rows: QuerySet[Any], ids: set[str]) -> dict[str, str]:
    """The rows of these ids, as they call themselves. One query, none without an id that may be one."""
    key = rows.model._meta.pk
    known = []
    for text in sorted(ids):
        try:
            known.append(key.to_python(text))
        except ValidationError:
            continue
    return {str(row.pk): str(row) for row in rows.filter(pk__in=known)} if known else {}


def read(reader: Any, pairs: Iterable[tuple[str, str]]) -> Names:
    """The names of these (kind, id) for ``reader``; what has no lookup, or is not for this reader, is left out."""
    asked: dict[Lookup, set[str]] = {}
    wanted = [(kind, key) for kind, key in pairs if kind in _lookups]
    for kind, key in wanted:
        asked.setdefault(_lookups[kind], set()).add(key)
    found = {lookup: lookup(reader, ids) for lookup, ids in asked.items()}
    answers = {(kind, key): found[_lookups[kind]].get(key) for kind, key in wanted}
    return {pair: name for pair, name in answers.items() if name is not None}

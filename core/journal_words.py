"""The journal in French: what an act is called, a state, a datum. Sealed rows keep their codes; pages translate them.

A room writes ``<room>/journal_words.py``, imported at the first reading::

    from core import journal_words

    journal_words.register(
        acts={"mandate.granted": "Mandat donné"},
        states={"mandate": MandateState},          # by the part of the act before the dot
        data={"role": "fonction"},
        values={"role": MandateRole},              # codes of that datum
        chains={"call": "Appel"},                  # by the part of the chain before the colon
        names={"call": titles, "call:": by_code},  # of a datum or a model, and of a chain: see core.journal_names
    )

``acts`` must name whatever the room records: the tests refuse an act without words.
"""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.module_loading import autodiscover_modules
from django.utils.text import slugify

from core import journal_names
from core.journal_changes import (
    CHANGES,
    UNKEPT,
    changed_model,
    choice_of,
    is_addition,
    is_column,
    is_well_formed,
    label_of,
    model_named,
    pairs_of,
    target_of,
)
from core.journal_names import Lookup, Names
from core.models import JournalEntry
from core.money import euros
from core.templatetags.guichet import paris_datetime

Codes = type[models.TextChoices]
# Ends the name of a datum that is an amount.
EUROS = "(€)"
# Ends the label of a field that is an amount.
IN_EUROS = ", en euros"
AMOUNT = re.compile(r"-?\d+(\.\d+)?")
DECIMAL = re.compile(r"-?\d+\.\d+")
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_acts: dict[str, str] = {}
_states: dict[str, tuple[Codes, ...]] = {}
_values: dict[str, tuple[Codes, ...]] = {}
_chains: dict[str, str] = {}
_data: dict[str, str] = {
    "id": "identifiant",
    "fields": "champs changés",
    "lines": "lignes changées",
    "amount": "montant (€)",
    "number": "numéro",
    "application": "dossier",
    "person": "personne",
}
# What proves rather than tells: shown apart.
PROOFS = ("sha256", "hash", "certificate", "confirmation")


def register(
    *,
    acts: Mapping[str, str],
    states: Mapping[str, Codes | tuple[Codes, ...]] | None = None,
    data: Mapping[str, str] | None = None,
    values: Mapping[str, Codes | tuple[Codes, ...]] | None = None,
    chains: Mapping[str, str] | None = None,
    names: Mapping[str, Lookup] | None = None,
) -> None:
    """Give French words to the acts, states, data, codes and chains of a room, and names to its ids."""
    _acts.update(acts)
    _chains.update(chains or {})
    journal_names.register(names or {})
    _data.update(data or {})
    for known, given in ((_states, states), (_values, values)):
        for name, codes in (given or {}).items():
            known[name] = (*known.get(name, ()), *(codes if isinstance(codes, tuple) else (codes,)))


@cache
def _discover() -> None:
    autodiscover_modules("journal_words")


def known_acts() -> dict[str, str]:
    """Every act that has words, by code, in the order of its words."""
    _discover()
    return dict(sorted(_acts.items(), key=lambda item: slugify(item[1])))


def act_in_words(action: str) -> str:
    """« Dossier déposé » for « application.submit »; the code itself for an act that nobody named."""
    _discover()
    return _acts.get(action) or _change_in_words(action) or action


def _change_in_words(action: str) -> str:
    """« Administration : modification (axe) » for « axis.changed », from the model's own name."""
    model = changed_model(action)
    if model is None:
        return ""
    return f"Administration\u00a0: {CHANGES[action.partition('.')[2]]} ({model._meta.verbose_name})"


def names_for(reader: Any, rows: Iterable[JournalEntry]) -> Names:
    """What the rows point to, called by the names that ``reader`` may read. One lookup a kind, however many rows.

    A row of a dossier or a convention that this reader does not open keeps its codes: its data would tell of it.
    """
    _discover()
    listed = list(rows)
    chains = journal_names.read(reader, [_chain_pair(row.chain) for row in listed])
    shown = [pair for row in listed if may_be_named(row.chain, chains) for pair in _pairs(row)]
    return {**journal_names.read(reader, shown), **chains}


def may_be_named(chain: str, names: Names) -> bool:
    """Whether the data of this chain's rows may be named: not when it is that of a dossier that the reader does not open."""
    pair = _chain_pair(chain)
    return pair in names or not journal_names.has_lookup(pair[0])


def chain_in_words(chain: str, names: Names) -> str:
    """« Dossier TN-2026-00012 »; the beginning of its key where the reader may not know the number, or it has none."""
    _discover()
    kind, _, key = chain.partition(":")
    return f"{_chains[kind]} {names.get((f'{kind}:', key)) or _short(key)}" if kind in _chains else chain


def _chain_pair(chain: str) -> tuple[str, str]:
    kind, _, key = chain.partition(":")
    return f"{kind}:", key


def _pairs(row: JournalEntry) -> Iterable[tuple[str, str]]:
    if not is_well_formed(row.action, row.data):
        return
    yield from pairs_of(row.action, row.data)
    for name, value in row.data.items():
        values = value if isinstance(value, list) else [value]
        yield from ((name, str(each)) for each in values if isinstance(each, str | int))


def _short(key: str) -> str:
    return key[:8] if UUID.fullmatch(key) else key


def state_in_words(action: str, code: str) -> str:
    """« brouillon » for « draft » of a dossier; the code itself where nobody named it."""
    _discover()
    return _word(code, _states.get(action.partition(".")[0], ()))


def data_in_words(
    data: Mapping[str, Any], names: Names | None = None, *, action: str = ""
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What a row's data tell, then what they prove: pairs of French name and text. ``names`` are those of the page's
    ids; ``action`` says of which model the changed fields are."""
    _discover()
    names = names or {}
    if not is_well_formed(action, data):
        return [("données illisibles, à montrer à l’exploitant", json.dumps(data, ensure_ascii=False))], []
    if (model := changed_model(action)) is not None:
        return list(_changes(model, data, names)), []
    told: list[tuple[str, str]] = []
    proofs: list[tuple[str, str]] = []
    for name, value in data.items():
        if value in (None, "", [], {}):
            continue
        pile = proofs if any(name.endswith(proof) for proof in PROOFS) else told
        pile.append((_label(name), _text(name, value, names)))
    return told, proofs


def _changes(model: type[models.Model], data: Mapping[str, Any], names: Names) -> Iterable[tuple[str, str]]:
    """The row changed, each of its fields from what to what, then each of its lines on its own."""
    meta = model._meta
    if named := names.get((str(meta.model_name), str(data.get("id")))):
        yield str(meta.verbose_name), named
    yield from _fields(model, data.get("fields") or {}, names)
    for line in data.get("lines") or []:
        of_line = model_named(str(line.get("model")))
        kind = str(of_line._meta.verbose_name) if of_line else str(line.get("model"))
        called = names.get((str(line.get("model")), str(line.get("id")))) or f"n°\u00a0{line.get('id')}"
        written = "retiré" if line.get("deleted") else ""
        fields = [f"{label}\u00a0: {text}" for label, text in _fields(of_line, line.get("fields") or {}, names)]
        yield f"{kind} «\u00a0{called}\u00a0»", "\u00a0; ".join(filter(None, [written, *fields]))


def _fields(model: type[models.Model] | None, fields: Mapping[str, Any], names: Names) -> Iterable[tuple[str, str]]:
    is_new = is_addition(model, fields)
    for field, value in fields.items():
        label, target = label_of(model, field) or _data.get(field, field), target_of(model, field)
        before, after = value if isinstance(value, list) and len(value) == 2 else (None, value)
        before, after = choice_of(model, field, before), choice_of(model, field, after)
        if UNKEPT in (before, after):
            text = "changé (le journal ne garde pas les textes)" if before is not None else "écrit"
        elif isinstance(value, list) and not is_new and is_column(model, field):
            text = f"{_value(label, target, before, names)} → {_value(label, target, after, names)}"
        else:
            text = _value(label, target, after, names)
        yield label.removesuffix(IN_EUROS), text


def _value(label: str, target: str, value: Any, names: Names) -> str:
    if value is None:
        return "vide"
    if label.endswith(IN_EUROS) and AMOUNT.fullmatch(str(value)):
        return euros(Decimal(value))
    if isinstance(value, str) and DECIMAL.fullmatch(value):
        return f"{Decimal(value).normalize():f}".replace(".", ",")
    return names.get((target, str(value))) or _text("", value, names)


def _label(name: str) -> str:
    """Without the unit, which the amount itself shows."""
    return _data.get(name, name).removesuffix(EUROS).rstrip()


def _text(name: str, value: Any, names: Names) -> str:
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, Mapping):
        return ", ".join(f"{_label(key)}\u00a0: {_text(key, item, names)}" for key, item in value.items() if item != "")
    if isinstance(value, list | tuple):
        return ", ".join(_text(name, item, names) for item in value)
    if value is None:
        return "rien"
    text = str(value)
    if (name, text) in names:
        return names[name, text]
    if _data.get(name, name).endswith(EUROS) and AMOUNT.fullmatch(text):
        return euros(Decimal(text))
    if (instant := _instant(text)) is not None:
        return paris_datetime(instant)
    return _short(_word(text, _values.get(name, ())))


def _instant(text: str) -> datetime | None:
    """An instant as the journal writes them, with its offset; a reference that resembles one is none."""
    try:
        instant = parse_datetime(text) if INSTANT.match(text) else None
    except ValueError:
        return None
    return instant if instant is not None and instant.tzinfo is not None else None


def _word(code: str, enumerations: Iterable[Codes]) -> str:
    for codes in enumerations:
        if code in codes.values:
            return str(codes(code).label)
    return code

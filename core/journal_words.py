"""The journal in French: what an act is called, a state, a datum. Sealed rows keep their codes; pages translate them.

A room writes ``<room>/journal_words.py``, imported at the first reading::

    from core import journal_words

    journal_words.register(
        acts={"mandate.granted": "Mandat donné"},
        states={"mandate": MandateState},          # by the part of the act before the dot
        data={"role": "fonction"},
        values={"role": MandateRole},              # codes of that datum
    )

``acts`` must name whatever the room records: the tests refuse an act without words.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.apps import apps
from django.db import models
from django.utils.dateparse import parse_datetime
from django.utils.module_loading import autodiscover_modules
from django.utils.text import slugify

from core.money import euros
from core.templatetags.guichet import paris_datetime

Codes = type[models.TextChoices]
# Ends the name of a datum that is an amount.
EUROS = "(€)"
AMOUNT = re.compile(r"-?\d+(\.\d+)?")
INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T")

_acts: dict[str, str] = {}
_states: dict[str, tuple[Codes, ...]] = {}
_values: dict[str, tuple[Codes, ...]] = {}
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
_CHANGES = {"added": "ajout", "changed": "modification"}


def register(
    *,
    acts: Mapping[str, str],
    states: Mapping[str, Codes | tuple[Codes, ...]] | None = None,
    data: Mapping[str, str] | None = None,
    values: Mapping[str, Codes | tuple[Codes, ...]] | None = None,
) -> None:
    """Give French words to the acts, states, data and codes of a room."""
    _acts.update(acts)
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
    name, _, change = action.partition(".")
    models_of_name = [model for model in apps.get_models() if model._meta.model_name == name]
    if change not in _CHANGES or not models_of_name:
        return ""
    return f"Administration\u00a0: {_CHANGES[change]} ({models_of_name[0]._meta.verbose_name})"


def state_in_words(action: str, code: str) -> str:
    """« brouillon » for « draft » of a dossier; the code itself where nobody named it."""
    _discover()
    return _word(code, _states.get(action.partition(".")[0], ()))


def data_in_words(data: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What a row's data tell, then what they prove: pairs of French name and text."""
    _discover()
    told: list[tuple[str, str]] = []
    proofs: list[tuple[str, str]] = []
    for name, value in data.items():
        if value in (None, "", [], {}):
            continue
        pile = proofs if any(name.endswith(proof) for proof in PROOFS) else told
        pile.append((_label(name), _text(name, value)))
    return told, proofs


def _label(name: str) -> str:
    """Without the unit, which the amount itself shows."""
    return _data.get(name, name).removesuffix(EUROS).rstrip()


def _text(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "oui" if value else "non"
    if isinstance(value, Mapping):
        return ", ".join(f"{_label(key)}\u00a0: {_text(key, item)}" for key, item in value.items() if item != "")
    if isinstance(value, list | tuple):
        return ", ".join(_text(name, item) for item in value)
    if value is None:
        return "rien"
    text = str(value)
    if _data.get(name, name).endswith(EUROS) and AMOUNT.fullmatch(text):
        return euros(Decimal(text))
    if (instant := _instant(text)) is not None:
        return paris_datetime(instant)
    return _word(text, _values.get(name, ()))


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

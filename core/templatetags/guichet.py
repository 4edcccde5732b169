"""Filters and tags available in every template."""

import re
import unicodedata
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.template.defaultfilters import pluralize as pluralize_in_english
from django.utils import timezone
from django.utils.formats import date_format

from core import money

register = template.Library()
# « d’Anne », « d’Henri », « d’Yves », yet « de Yann ».
ELIDES = re.compile(r"[aeiouh]|y[^aeiou]", re.IGNORECASE)


@register.filter
def euros(amount: Decimal | None) -> str:
    """« 12 345,67 € »"""
    return money.euros(amount)


@register.filter
def pluralize(value: Any, suffixes: str = "s") -> str:
    """Django's, by the French rule: « 0 dossier », « 1,5 point », « 2 dossiers »."""
    try:
        number = abs(float(value))
    except (TypeError, ValueError):
        number = len(value) if hasattr(value, "__len__") else 1
    return pluralize_in_english(1 if number < 2 else 2, suffixes)


@register.filter
def percent(rate: Decimal | None) -> str:
    """« 75 % » from 0.75; an em dash where unknown."""
    if rate is None:
        return "—"
    text = f"{Decimal(rate) * 100:.2f}".rstrip("0").rstrip(".").replace(".", ",")
    return f"{text}{money.NBSP}%"


def _day(moment: date) -> str:
    """« 21 septembre 2021 », « 1er juin 2021 »"""
    return f"{'1er' if moment.day == 1 else moment.day} {date_format(moment, 'F Y')}"


@register.filter
def paris_datetime(instant: datetime | None) -> str:
    """« 21 septembre 2021 à 14 h 05 », Paris time."""
    if instant is None:
        return "—"
    local = timezone.localtime(instant)
    return f"{_day(local)} à {local.hour}{money.NBSP}h{money.NBSP}{local:%M}"


@register.filter
def paris_date(moment: date | datetime | None) -> str:
    """« 21 septembre 2021 », Paris time."""
    if moment is None:
        return "—"
    if isinstance(moment, datetime):
        moment = timezone.localtime(moment).date()
    return _day(moment)


@register.filter
def of_whom(name: Any) -> str:
    """« d’Anne Dûment », « de Zoé Prat »: « de » before the name of a person. A given name in h is taken as mute."""
    plain = "".join(letter for letter in unicodedata.normalize("NFD", str(name)) if not unicodedata.combining(letter))
    return f"d’{name}" if ELIDES.match(plain.replace("œ", "oe").replace("Œ", "OE")) else f"de {name}"

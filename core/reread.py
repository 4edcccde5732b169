"""What goes out and cannot be taken back is read again before it goes.

A form is filled, shown as it will be sent, then confirmed; until then it may be corrected and nothing is written. What
spends money or signs asks for a second factor besides (``accounts.act_forms``).
"""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django import forms
from django.http import HttpRequest

from core.money import euros
from core.templatetags.guichet import paris_date

CONFIRM = "confirmer"
CORRECT = "corriger"


class Step(StrEnum):
    """Where the person is: filling (or correcting) the form, reading it again, or having confirmed it."""

    FILL = "fill"
    READ = "read"
    ACT = "act"


def step_of(request: HttpRequest, form: forms.BaseForm) -> Step:
    """The step that a request stands at. A form that no longer holds is filled again, whatever was confirmed."""
    if request.method != "POST" or CORRECT in request.POST or not form.is_valid():
        return Step.FILL
    return Step.ACT if CONFIRM in request.POST else Step.READ


def rows_of(form: forms.BaseForm) -> list[dict[str, str]]:
    """What was typed, as ``components/reread.html`` shows it: fields left empty are not listed."""
    found = []
    for bound in form.visible_fields():
        value = form.cleaned_data.get(bound.name)
        if value not in (None, "", []):
            found.append({"term": str(bound.label), "description": _said(bound.field, value)})
    return found


def _said(field: forms.Field, value: Any) -> str:
    if isinstance(field, forms.ChoiceField):
        choices: Any = field.choices
        return str({str(code): label for code, label in choices}[str(value)])
    if isinstance(value, Decimal):
        return euros(value)
    return paris_date(value) if isinstance(value, date) else str(value)

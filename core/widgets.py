"""Form widgets of the site. The crispy pack ``dsfr`` gives them their frame, label, hint and errors."""

from decimal import Decimal
from typing import Any

from django import forms

NO_BREAK_SPACE = "\u00a0"

# What browsers may offer to fill in, when the form asks people about themselves (WCAG 1.3.5, RGAA 11.13).
AUTOCOMPLETE = {
    "email": "email",
    "first_name": "given-name",
    "last_name": "family-name",
    "phone": "tel",
    "job_title": "organization-title",
    "address": "street-address",
    "postal_code": "postal-code",
    "city": "address-level2",
}


class AboutMyself:
    """Mixin of a form in which people give their own details: declares the purpose of each known field."""

    fields: dict[str, forms.Field]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, purpose in AUTOCOMPLETE.items():
            if name in self.fields:
                self.fields[name].widget.attrs.setdefault("autocomplete", purpose)


class DateInput(forms.DateInput):
    """A day, with the browser's own calendar; its value travels as YYYY-MM-DD."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class DateTimeInput(forms.DateTimeInput):
    """A day and an hour in Europe/Paris, with the browser's own calendar."""

    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%dT%H:%M")


class MoneyInput(forms.TextInput):
    """An amount in euros, typed the French way; what was typed is shown back untouched."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"inputmode": "decimal", "autocomplete": "off", **(attrs or {})})

    def format_value(self, value: Any) -> str | None:
        """Numbers of the database become « 12 345,67 »; texts are what the person typed."""
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return f"{Decimal(value):,.2f}".replace(",", NO_BREAK_SPACE).replace(".", ",")
        return super().format_value(value)


class CodeInput(forms.TextInput):
    """A code of six digits read from an authenticator; never kept by the browser."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        defaults = {
            "inputmode": "numeric",
            "autocomplete": "one-time-code",
            "maxlength": "6",
            "class": "guichet-code",
        }
        super().__init__({**defaults, **(attrs or {})})

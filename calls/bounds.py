"""What a call, its axes, sessions and mandates may hold: amounts, delays, days, telephone and SIRET that make sense.

Said at each field of a form; the figures are also refused by the database.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Func, Value
from django.db.models.lookups import Exact
from django.utils import timezone

from territories.sirets import validate_siret

Check = Callable[[Any], None]
FIRST_YEAR = 2000
YEAR = timedelta(days=365)
MONTHS_MAX = 36
PHONE = re.compile(r"\+?[0-9]{4,15}")
SILENT_RULES = "Le règlement en vigueur ce jour-là ne dit rien de cet axe\u00a0: ajoutez d’abord une version."
AROUND_DIGITS = re.compile(r"[\s.()\-\u00a0\u202f]")


class Checked(models.Model):
    """A row whose fields are checked one by one; ``checks`` names them. A form that does not show a field lets it be."""

    checks: ClassVar[dict[str, Check]] = {}

    class Meta:
        abstract = True

    def clean_fields(self, exclude: Any = None) -> None:
        """Adds to Django's own errors, by field, those of ``checks``; an empty field has none."""
        errors: dict[str, Any] = {}
        try:
            super().clean_fields(exclude=exclude)
        except ValidationError as error:
            errors = error.update_error_dict(errors)
        for name, check in self.checks.items():
            value = getattr(self, name)
            if name in (exclude or ()) or name in errors or value in (None, ""):
                continue
            try:
                check(value)
            except ValidationError as error:
                errors[name] = error.error_list
        if errors:
            raise ValidationError(errors)


def above_zero(amount: Decimal) -> None:
    """Raises ValidationError for an amount, in euros, of zero or less."""
    if amount <= 0:
        raise ValidationError("Indiquez un montant supérieur à zéro.")


def not_below_zero(amount: Decimal) -> None:
    """Raises ValidationError for an amount, in euros, of less than zero."""
    if amount < 0:
        raise ValidationError("Indiquez un montant de zéro ou plus.")


def delay(months: int) -> None:
    """Raises ValidationError unless a delay is of 1 to 36 months (2 and 8 by décret 2018-514)."""
    if not 1 <= months <= MONTHS_MAX:
        raise ValidationError(f"Indiquez un délai de 1 à {MONTHS_MAX} mois.")


def within(years: int) -> Check:
    """A check that an instant is neither before 2000 nor more than ``years`` years away."""

    def check(at: datetime) -> None:
        if timezone.localtime(at).year < FIRST_YEAR:
            raise ValidationError(f"Cette date est trop ancienne\u00a0: elle précède l’an {FIRST_YEAR}.")
        if at > timezone.now() + years * YEAR:
            raise ValidationError(f"Cette date est trop lointaine\u00a0: {years} ans au plus à partir d’aujourd’hui.")

    return check


def telephone(text: str) -> None:
    """Raises ValidationError unless this is a number that one can dial."""
    if not PHONE.fullmatch(AROUND_DIGITS.sub("", text)):
        raise ValidationError("Indiquez un numéro de téléphone, par exemple 01 23 45 67 89.")


def keeps_opening(stored: datetime | None, asked: datetime) -> bool:
    """Whether a session already there keeps its opening."""
    # A form gives back an instant without its microseconds.
    return stored is not None and stored.replace(microsecond=0) == asked.replace(microsecond=0)


def opening_moves(
    stored: datetime | None, asked: datetime, *, published_at: datetime | None, has_dossiers: bool
) -> None:
    """Raises ValidationError when a session may not open at ``asked``: moved once people file in it, or once its call is
    published and it has opened; on a published call, opened on a day that is past, which nobody could correct.
    ``stored`` is its opening so far, None when it is new."""
    now = timezone.now()
    is_published = published_at is not None and published_at <= now
    if stored is not None and (has_dossiers or (is_published and stored <= now)):
        told = "Cette relève est ouverte, des dossiers ont pu y être déposés\u00a0: son ouverture ne change plus."
        raise ValidationError({"opens_at": told})
    if is_published and timezone.localdate(asked) < timezone.localdate(now):
        told = "L’appel est publié\u00a0: une relève s’y ouvre aujourd’hui ou plus tard, pas un jour déjà passé."
        raise ValidationError({"opens_at": told})


def closing_moves(stored: datetime | None, asked: datetime) -> None:
    """Raises ValidationError when a session may not close at ``asked``: it has closed already, or would have.
    ``stored`` is its closing so far, None when it is new."""
    now = timezone.now()
    if stored is None or keeps_opening(stored, asked):
        return
    if stored <= now:
        raise ValidationError("Cette relève est close\u00a0: sa clôture ne change plus.")
    # Typed by the minute.
    if asked < now.replace(second=0, microsecond=0):
        raise ValidationError("Cet instant est passé\u00a0: une relève se clôt au plus tôt maintenant.")


CALL_CHECKS: dict[str, Check] = {
    "steward_siret": validate_siret,
    "contact_phone": telephone,
    "announced_amount": above_zero,
    "opens_at": within(3),
    "published_at": within(3),
    "completeness_months": delay,
    "decision_months": delay,
    "two_person_threshold": not_below_zero,
}


def same_call(row: models.Model) -> None:
    """Raises ValidationError when the axis of a row is not of the call whose rules the row belongs to."""
    axis, version = getattr(row, "axis", None), getattr(row, "rules_version", None)
    if axis is not None and version is not None and axis.call_id != version.call_id:
        raise ValidationError({"axis": "Cet axe n’est pas celui de l’appel dont cette version est le règlement."})


def are_texts(values: object) -> bool:
    """Whether this is a list of texts as a form gives them back: no space around, no NUL, which no column holds."""
    return isinstance(values, list) and all(
        isinstance(value, str) and value == value.strip() and "\x00" not in value for value in values
    )


def is_list(field: str) -> Exact:
    """Condition on a JSON column: it holds a list."""
    return Exact(Func(F(field), function="jsonb_typeof", output_field=models.TextField()), Value("array"))

"""What a change made in the administration says: « SIRET de l’attribuant : ancien → nouveau », line by line."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Model

CHANGES = {"added": "ajout", "changed": "modification"}
# What the journal writes for a text, which it does not keep.
UNKEPT = "…"


def model_named(name: str) -> type[Model] | None:
    """The model of this name, of whatever room."""
    return next((model for model in apps.get_models() if model._meta.model_name == name), None)


def changed_model(action: str) -> type[Model] | None:
    """The model that « axis.changed » speaks of; None for an act of another kind."""
    name, _, change = action.partition(".")
    return model_named(name) if change in CHANGES else None


def label_of(model: type[Model] | None, field: str) -> str:
    """The French name of a field, as the form shows it."""
    found = next((each for each in model._meta.get_fields() if each.name == field), None) if model else None
    return str(getattr(found, "verbose_name", field))


def target_of(model: type[Model] | None, field: str) -> str:
    """The name of the model that a field points to; empty for a plain value."""
    found = next((each for each in model._meta.get_fields() if each.name == field), None) if model else None
    related = getattr(found, "related_model", None)
    return str(related._meta.model_name) if related else ""


def pairs_of(action: str, data: Any) -> Iterator[tuple[str, str]]:
    """The (model, id) that a change names: what was changed, its lines, what their fields point to."""
    model = changed_model(action)
    if model is None:
        return
    for name, row in _rows(action, data):
        if row.get("id") is not None:
            yield name, str(row["id"])
        for field, values in dict(row.get("fields") or {}).items():
            if target := target_of(model_named(name), field):
                yield from ((target, str(value)) for value in _each(values) if value is not None)


def _rows(action: str, data: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    yield action.partition(".")[0], data
    for line in data.get("lines") or []:
        yield str(line.get("model", "")), line


def _each(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]

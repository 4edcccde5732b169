"""What a change made in the administration says: « SIRET de l’attribuant : ancien → nouveau », line by line."""

from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model

CHANGES = {"added": "ajout", "changed": "modification"}
LIBRARIES = ("django.", "allauth.")
# What the journal writes for a text, which it does not keep.
UNKEPT = "…"


def model_named(name: str) -> type[Model] | None:
    """The model of this name, of whatever room; a library may have one of the same name, as « session »."""
    found = [model for model in apps.get_models() if model._meta.model_name == name]
    return min(found, key=lambda model: model.__module__.startswith(LIBRARIES), default=None)


def changed_model(action: str) -> type[Model] | None:
    """The model that « axis.changed » speaks of; None for an act of another kind."""
    name, _, change = action.partition(".")
    return model_named(name) if change in CHANGES else None


def label_of(model: type[Model] | None, field: str) -> str:
    """The French name of a field, as the form shows it: of a column, or of a question that the form adds; empty when
    neither is there."""
    return str(getattr(_column(model, field), "verbose_name", "")) or _question(model, field)


def target_of(model: type[Model] | None, field: str) -> str:
    """The name of the model that a field points to; empty for a plain value."""
    related = getattr(_column(model, field), "related_model", None)
    return str(related._meta.model_name) if related else ""


def choice_of(model: type[Model] | None, field: str, value: Any) -> Any:
    """The French label of a value that a list offers; the value itself where there is none."""
    if not isinstance(value, str | int):
        # A row that somebody altered may hold anything: it is shown as it is.
        return value
    return dict(getattr(_column(model, field), "flatchoices", ())).get(value, value)


def is_addition(model: type[Model] | None, fields: Mapping[str, Any]) -> bool:
    """Whether these changes make a new row: one already there was never empty where its column is required."""
    return any(
        isinstance(values, list) and values[:1] == [None] and _is_required(model, field)
        for field, values in fields.items()
    )


def is_column(model: type[Model] | None, field: str) -> bool:
    """Whether the row keeps this field; a question that a form adds had no answer before."""
    return getattr(_column(model, field), "concrete", False)


def _is_required(model: type[Model] | None, field: str) -> bool:
    return is_column(model, field) and not getattr(_column(model, field), "null", True)


def _column(model: type[Model] | None, field: str) -> Any:
    return next((each for each in model._meta.get_fields() if each.name == field), None) if model else None


def _question(model: type[Model] | None, name: str) -> str:
    """The label of a question that a form of the administration adds to the columns of this model."""
    for registered in filter(admin.site.is_registered, apps.get_models()):
        page = admin.site.get_model_admin(registered)
        for each in (page, *page.inlines):
            asked = getattr(each.form, "declared_fields", {}).get(name) if each.model is model else None
            if asked is not None and asked.label:
                return _within_a_line(str(asked.label))
    return ""


def _within_a_line(label: str) -> str:
    """« Seuil » as « seuil »; « SIRET » stays."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def is_well_formed(action: str, data: Any) -> bool:
    """Whether the data of a row have the shape in which the site writes them; whoever altered a row may have left another."""
    if not isinstance(data, dict):
        return False
    if changed_model(action) is None:
        return True
    lines = data.get("lines") or []
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        return False
    return all(isinstance(part.get("fields") or {}, dict) for part in (data, *lines))


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

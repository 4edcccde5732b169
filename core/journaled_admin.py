"""What is changed in the site's administration is written to the journal."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.forms import BaseInlineFormSet, ModelForm
from django.http import HttpRequest
from django.utils import timezone

from core.journal import record


class JournaledAdmin(admin.ModelAdmin):
    """Each addition or change is a row of the journal: which fields, from what to what.

    Of a text, the field alone, unless it is one of a list.
    """

    def journal_chain(self, obj: Any) -> str:
        """The chain of the journal in which a change of ``obj`` is written."""
        raise NotImplementedError

    def save_related(self, request: HttpRequest, form: ModelForm, formsets: Any, change: bool) -> None:
        # Before they are saved: a line that is deleted forgets its key.
        deleted = [line for formset in formsets for line in _deleted(formset)]
        super().save_related(request, form, formsets, change)
        lines = deleted + [line for formset in formsets for line in _written(formset)]
        if not change or form.changed_data or lines:
            record(
                chain=self.journal_chain(form.instance),
                action=f"{form.instance._meta.model_name}.{'changed' if change else 'added'}",
                at=timezone.now(),
                actor=request.user,  # type: ignore[arg-type]
                data={"id": form.instance.pk, "fields": _fields(form), "lines": lines},
            )


def _fields(form: ModelForm) -> dict[str, Any]:
    model = form._meta.model
    return {
        name: [_kept(model, name, form.initial.get(name)), _kept(model, name, form.cleaned_data.get(name))]
        for name in form.changed_data
    }


def _kept(model: type[Model], name: str, value: Any) -> Any:
    """What one of a list is says nothing of a person; any other text is left out."""
    column = next((each for each in model._meta.get_fields() if each.name == name), None)
    return value if isinstance(value, str) and getattr(column, "choices", None) else _plain(value)


def _deleted(formset: BaseInlineFormSet) -> Iterator[dict[str, Any]]:
    for form in formset.deleted_forms:
        if form.instance.pk is not None:
            told = {name: _kept(form._meta.model, name, value) for name, value in form.initial.items()}
            yield {"model": form.instance._meta.model_name, "id": form.instance.pk, "deleted": True, "fields": told}


def _written(formset: BaseInlineFormSet) -> Iterator[dict[str, Any]]:
    for form in formset.forms:
        if form.instance.pk is not None and form.has_changed() and form not in formset.deleted_forms:
            yield {"model": form.instance._meta.model_name, "id": form.instance.pk, "fields": _fields(form)}


def _plain(value: Any) -> Any:
    """Ids, figures and instants as they are; a text is not copied where it could never be erased."""
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int) else "…"

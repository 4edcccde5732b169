"""A page of the administration shows the calls that one administers, and offers no other."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin
from django.db.models import DecimalField, Model, QuerySet
from django.http import HttpRequest

from calls.backends import administered_calls
from calls.models import Axis, Call, RulesVersion

# From a model that a form lets one choose to its call.
PATHS: dict[type[Model], str] = {Call: "pk", Axis: "call", RulesVersion: "call"}


class OwnChoices(BaseModelAdmin):
    """A form offers the calls, axes and versions of one's own calls alone; its amounts and rates are written and read in
    French, « 30 000 000,00 » or « 0,5 »."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, DecimalField):
            kwargs["localize"] = True
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        path = PATHS.get(db_field.related_model)
        if path is not None:
            rows = db_field.related_model._default_manager.all()
            kwargs["queryset"] = of_own_calls(rows, request.user, path)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class CallScopedAdmin(OwnChoices, admin.ModelAdmin):
    """Lists and opens what belongs to the calls that the person administers; ``call_path`` leads from a row to its call."""

    call_path: ClassVar[str]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return of_own_calls(super().get_queryset(request), request.user, self.call_path)


def of_own_calls(rows: QuerySet[Any], user: Any, path: str) -> QuerySet[Any]:
    """The rows of the calls that ``user`` administers at this instant; all of them for the superuser."""
    return rows if user.is_superuser else rows.filter(**{f"{path}__in": administered_calls(user)})

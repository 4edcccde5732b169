"""The call in the site's administration: what a version of the rules holds is shown with it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from calls.models import (
    Axis,
    AxisTerms,
    Call,
    Criterion,
    EligibilityRule,
    Mandate,
    Question,
    RulesVersion,
    ScoringGrid,
    Session,
    Theme,
)
from calls.services import end_mandate, grant_mandate
from core.journal import record


class WrittenOnceAdmin(admin.ModelAdmin):
    """Added whole, then read: what a dossier was judged by never changes, a change is a new version."""

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """In the call's journal too, with the lines that came with it."""
        axis = getattr(obj, "axis", None)
        call = axis.call if axis is not None else obj.call
        record(
            chain=f"call:{call.code}",
            action=f"{obj._meta.model_name}.added",
            at=timezone.now(),
            actor=request.user,  # type: ignore[arg-type]
            data={"id": obj.pk, "text": str(obj)},
        )
        return super().log_addition(request, obj, message)


class AxisInline(admin.TabularInline):
    model = Axis
    fields = ["position", "code", "title", "rhythm", "announced_amount"]
    extra = 0
    show_change_link = True


@admin.register(Call)
class CallAdmin(admin.ModelAdmin):
    list_display = ["title", "code", "opens_at", "published_at", "announced_amount"]
    search_fields = ["title", "code"]
    inlines = [AxisInline]


class ThemeInline(admin.TabularInline):
    model = Theme
    extra = 0


class SessionInline(admin.TabularInline):
    model = Session
    extra = 0


@admin.register(Axis)
class AxisAdmin(admin.ModelAdmin):
    list_display = ["title", "code", "call", "rhythm", "announced_amount"]
    list_filter = ["call"]
    list_select_related = ["call"]
    inlines = [ThemeInline, SessionInline]


class AxisTermsInline(admin.StackedInline):
    model = AxisTerms
    extra = 0


class EligibilityRuleInline(admin.TabularInline):
    model = EligibilityRule
    extra = 0


@admin.register(RulesVersion)
class RulesVersionAdmin(WrittenOnceAdmin):
    list_display = ["call", "number", "effective_at", "vintage"]
    list_filter = ["call"]
    list_select_related = ["call", "vintage"]
    inlines = [AxisTermsInline, EligibilityRuleInline]


@admin.register(Question)
class QuestionAdmin(WrittenOnceAdmin):
    list_display = ["label", "axis", "rules_version", "position", "kind", "is_required"]
    list_filter = ["axis", "rules_version"]
    list_select_related = ["axis", "rules_version"]
    search_fields = ["label", "code"]


class CriterionInline(admin.StackedInline):
    model = Criterion
    extra = 0


@admin.register(ScoringGrid)
class ScoringGridAdmin(WrittenOnceAdmin):
    list_display = ["axis", "version", "maximum", "jurors_per_dossier", "third_juror_gap"]
    list_select_related = ["axis"]
    inlines = [CriterionInline]


class MandateForm(ModelForm):
    """A mandate for the person who has this address."""

    email = forms.EmailField(label="Adresse électronique de la personne")

    class Meta:
        model = Mandate
        fields = [
            "call",
            "axis",
            "role",
            "departement_code",
            "region_code",
            "organisation_name",
            "starts_at",
            "ends_at",
        ]
        labels = {"call": "Appel à projets", "axis": "Axe"}

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"].strip().lower()
        user = User.objects.filter(email=email, is_active=True).first()
        if user is None:
            raise forms.ValidationError("Aucun compte n’a cette adresse : la personne crée d’abord le sien.")
        self.instance.user = user
        return email

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        axis, call = cleaned.get("axis"), cleaned.get("call")
        if axis is not None and call is not None and axis.call_id != call.pk:
            self.add_error("axis", "Cet axe n’est pas celui de l’appel.")
        return cleaned


@admin.register(Mandate)
class MandateAdmin(admin.ModelAdmin):
    """Mandates are granted and ended by the services, which write the journal; never edited nor deleted."""

    list_display = ["user", "role", "call", "axis", "departement_code", "region_code", "starts_at", "ends_at"]
    list_filter = ["role", "call"]
    list_select_related = ["user", "call", "axis"]
    search_fields = ["user__email", "user__last_name"]
    form = MandateForm
    fields = ["email", *MandateForm.Meta.fields]
    actions = ["end_now"]

    def has_change_permission(self, request: HttpRequest, obj: Mandate | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Mandate | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Mandate | None = None) -> Any:
        """The address is typed once; afterwards the person is shown."""
        return self.fields if obj is None else ["user", *MandateForm.Meta.fields, "appointed_by"]

    def save_model(self, request: HttpRequest, obj: Mandate, form: ModelForm, change: bool) -> None:
        granted = grant_mandate(
            user=obj.user,
            call=obj.call,
            role=obj.role,  # type: ignore[arg-type]
            at=timezone.now(),
            appointed_by=request.user,  # type: ignore[arg-type]
            axis=obj.axis,
            departement_code=obj.departement_code,
            region_code=obj.region_code,
            organisation_name=obj.organisation_name,
            starts_at=obj.starts_at,
            ends_at=obj.ends_at,
        )
        obj.pk = granted.pk

    @admin.action(description="Mettre fin aux mandats choisis", permissions=["add"])
    def end_now(self, request: HttpRequest, queryset: Any) -> None:
        for mandate in queryset.current(timezone.now()):
            end_mandate(mandate_id=mandate.pk, by=request.user, at=timezone.now())  # type: ignore[arg-type]

"""Territories and organisations in the site's administration; the referential is loaded, never edited by hand."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from core.journaled_admin import JournaledAdmin
from territories.models import Affiliation, Grouping, Organisation, StructureMember, Territory, Vintage
from territories.names import normalise


class ReadOnlyAdmin(admin.ModelAdmin):
    """Shown, searched, never written here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Vintage)
class VintageAdmin(ReadOnlyAdmin):
    list_display = ["year", "source", "licence", "loaded_at"]


@admin.register(Territory)
class TerritoryAdmin(ReadOnlyAdmin):
    list_display = ["name", "kind", "code", "siren", "population", "vintage"]
    list_filter = ["vintage", "kind"]
    list_select_related = ["vintage"]
    search_fields = ["search_name", "code", "siren"]
    show_full_result_count = False


class StructureMemberInline(admin.TabularInline):
    model = StructureMember
    extra = 0


@admin.register(Organisation)
class OrganisationAdmin(JournaledAdmin):
    list_display = ["name", "kind", "siren", "siret", "siret_is_fictitious", "departement_code"]
    list_filter = ["kind", "siret_is_fictitious"]
    search_fields = ["search_name", "siren", "siret"]
    readonly_fields = ["search_name", "created_at"]
    inlines = [StructureMemberInline]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Organisation, form: Any, change: bool) -> None:
        """Found by its name, as any other."""
        obj.search_name = normalise(obj.name)
        obj.siren = obj.siren or obj.siret[:9]
        super().save_model(request, obj, form, change)

    def journal_chain(self, obj: Organisation) -> str:
        return f"organisation:{obj.pk}"


@admin.register(Grouping)
class GroupingAdmin(ReadOnlyAdmin):
    """Composed on the site by those who apply; dossiers were judged on its members."""

    list_display = ["name", "lead"]
    list_select_related = ["lead"]
    search_fields = ["name"]


@admin.register(Affiliation)
class AffiliationAdmin(ReadOnlyAdmin):
    """Affiliations are asked for and answered on the site, where each answer is journaled."""

    list_display = ["user", "organisation", "role", "requested_at", "validated_at", "refused_at", "ends_at"]
    list_filter = ["role"]
    list_select_related = ["user", "organisation"]
    search_fields = ["user__email", "organisation__search_name"]

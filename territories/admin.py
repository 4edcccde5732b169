"""Territories and organisations in the site's administration; the referential is loaded, never edited by hand."""

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from core.journaled_admin import JournaledAdmin
from territories.models import Affiliation, Grouping, Organisation, StructureMember, Territory, Vintage
from territories.names import normalise
from territories.places import regions_around, unknown_places
from territories.services import bearer_of
from territories.sirets import compact, validate_siren, validate_siret

POSTAL_CODE = re.compile(r"[0-9]{5}")


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


class OrganisationForm(forms.ModelForm):
    """A number that an administrator enters vouches for the organisation: its SIREN lets ProConnect attach people.

    The SIRET that was there, which applicants state, gives no SIREN when something else is changed.
    """

    def clean_siret(self) -> str:
        digits = compact(self.cleaned_data["siret"])
        if digits and "siret" in self.changed_data:
            validate_siret(digits)
        return digits

    def clean_siren(self) -> str:
        digits = compact(self.cleaned_data["siren"])
        if digits and "siren" in self.changed_data:
            validate_siren(digits)
        return digits

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        siret, siren = cleaned.get("siret", ""), cleaned.get("siren", "")
        if "siret" in self.changed_data and siret and "siren" not in self.changed_data:
            siren = cleaned["siren"] = "" if cleaned.get("siret_is_fictitious") else siret[:9]
        if siret and siren and not siret.startswith(siren):
            self.add_error("siren", "Le SIRET ne commence pas par ce SIREN.")
        if {"siret", "siren"} & set(self.changed_data) and (siret or siren):
            bearer = bearer_of(
                siret or siren,
                Organisation(
                    pk=self.instance.pk, kind=cleaned.get("kind", ""), territory_code=cleaned.get("territory_code", "")
                ),
            )
            if bearer:
                self.add_error("siret" if siret else "siren", f"Ce numéro est celui de « {bearer} ».")
        self._check_place(cleaned)
        if self.instance.pk is None and not siret and not siren and not {"siret", "siren"} & set(self.errors):
            self.add_error(
                "siren", "Indiquez le SIREN ou le SIRET\u00a0: c’est par lui que la collectivité se retrouve."
            )
        return cleaned

    def _check_place(self, cleaned: dict[str, Any]) -> None:
        departement, region = cleaned.get("departement_code", ""), cleaned.get("region_code", "")
        if {"departement_code", "region_code"} & set(self.changed_data):
            found = unknown_places(departement=departement, region=region)
            for field, told in found.items():
                self.add_error(field, told)
            if not found and departement and region and region not in regions_around(departement):
                self.add_error("region_code", "Ce département n’est pas dans cette région.")
        code = cleaned.get("postal_code", "")
        if "postal_code" in self.changed_data and code and not POSTAL_CODE.fullmatch(code):
            self.add_error("postal_code", "Un code postal compte 5 chiffres.")


@admin.register(Organisation)
class OrganisationAdmin(JournaledAdmin):
    form = OrganisationForm
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

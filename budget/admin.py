"""The ledger and its balances, to read. Money moves through the services alone."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from applications.models import Application
from applications.permissions import denied, own_dossiers
from budget.models import AwardBalance, Balance, Envelope, LedgerEntry, PaymentCredit
from calls.scoped_admin import CallScopedAdmin


class ReadOnlyAdmin(CallScopedAdmin):
    """No adding, changing or deleting, whatever rights the person holds; the database would refuse anyway."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class DossierMoneyAdmin(ReadOnlyAdmin):
    """Rows that name a dossier: never one closed to the person (recusal), nor one of their own organisations.

    The account of an envelope, on the site, keeps these amounts, without which it would not add up, and not their dossier.
    """

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        closed = Application.objects.filter(denied(request.user)).values("pk")
        own = own_dossiers(request.user, timezone.now(), "application__")
        return super().get_queryset(request).exclude(application__in=closed).exclude(own)


@admin.register(Envelope)
class EnvelopeAdmin(ReadOnlyAdmin):
    call_path = "call"
    list_display = ["code", "name", "call", "parent"]
    list_select_related = ["call", "parent"]
    search_fields = ["code", "name"]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(DossierMoneyAdmin):
    call_path = "envelope__call"
    list_display = ["envelope", "sequence", "movement", "credit_kind", "year", "amount", "occurred_at"]
    list_select_related = ["envelope"]
    list_filter = ["movement", "credit_kind"]


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    call_path = "envelope__call"
    list_display = ["envelope", "allocated", "delegated", "reserved", "committed", "paid"]
    list_select_related = ["envelope"]


@admin.register(AwardBalance)
class AwardBalanceAdmin(DossierMoneyAdmin):
    call_path = "envelope__call"
    list_display = ["application", "envelope", "reserved", "committed", "paid"]
    list_select_related = ["application", "envelope"]


@admin.register(PaymentCredit)
class PaymentCreditAdmin(ReadOnlyAdmin):
    call_path = "envelope__call"
    list_display = ["envelope", "year", "opened", "paid"]
    list_select_related = ["envelope"]

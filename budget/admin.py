"""The ledger and its balances, to read. Money moves through the services alone."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

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


@admin.register(Envelope)
class EnvelopeAdmin(ReadOnlyAdmin):
    call_path = "call"
    list_display = ["code", "name", "call", "parent"]
    list_select_related = ["call", "parent"]
    search_fields = ["code", "name"]


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
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
class AwardBalanceAdmin(ReadOnlyAdmin):
    call_path = "envelope__call"
    list_display = ["application", "envelope", "reserved", "committed", "paid"]
    list_select_related = ["application", "envelope"]


@admin.register(PaymentCredit)
class PaymentCreditAdmin(ReadOnlyAdmin):
    call_path = "envelope__call"
    list_display = ["envelope", "year", "opened", "paid"]
    list_select_related = ["envelope"]

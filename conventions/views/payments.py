"""Recording the single payment: what the payment's own system says, shown again, then confirmed."""

from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from conventions.enums import ConventionState
from conventions.forms import ConfirmPaymentForm, PaymentForm
from conventions.models import Convention
from conventions.services.payments import PAY_ACT, record_payment, refusals_of, what_is_paid
from conventions.views.access import officer_convention
from conventions.workflow import CONVENTION
from core.errors import Refused
from core.money import euros
from core.templatetags.guichet import paris_date
from territories.people import person

NOT_SIGNED = "Le versement s’enregistre une fois la convention signée par les deux parties."
ALREADY_PAID = "Le versement de cette convention est déjà enregistré."


@require_http_methods(["GET", "HEAD", "POST"])
def convention_pay(request: HttpRequest, number: str) -> HttpResponse:
    """The dates and the reference travel in the address; the confirmation is bound to them."""
    convention, at = officer_convention(request, number), timezone.now()
    if CONVENTION.obstacle(convention, "pay", at):
        messages.info(request, ALREADY_PAID if convention.state == ConventionState.PAID else NOT_SIGNED)
        return redirect("convention_detail", number=convention.number)
    form = PaymentForm(request.GET or None)
    context = {"convention": convention, "form": form}
    if not form.is_bound or not _is_possible(form, convention, at):
        return render(request, "conventions/convention_pay.html", context)
    facts = form.cleaned_data
    confirmation = ConfirmPaymentForm(
        request.POST or None, user=person(request), act=PAY_ACT, content_sha256=what_is_paid(convention, **facts)
    )
    if request.method == "POST" and confirmation.is_valid():
        try:
            record_payment(
                convention=convention,
                user=person(request),
                at=timezone.now(),
                key=confirmation.cleaned_data["key"],
                **facts,
            )
        except Refused as refusal:
            confirmation.refuse(refusal)
        else:
            messages.success(request, f"Le versement de {euros(convention.amount)} est enregistré.")
            return redirect("convention_detail", number=convention.number)
    context["confirmation"] = confirmation
    context["rows"] = [
        {"term": "Bénéficiaire", "description": convention.data["beneficiary"]["name"]},
        {"term": "Montant", "description": f"{euros(convention.amount)} ({convention.data['amount_in_words']})"},
        {"term": "Service fait", "description": paris_date(facts["service_done_on"])},
        {"term": "Versé le", "description": paris_date(facts["paid_on"])},
        {"term": "Demande de paiement", "description": facts["reference"]},
    ]
    context["cancel_url"] = reverse("convention_detail", args=[convention.number])
    return render(request, "conventions/convention_pay.html", context)


def _is_possible(form: PaymentForm, convention: Convention, at: datetime) -> bool:
    """Said at each field before anything is to be confirmed; the service says it again under its lock."""
    form.is_valid()
    for refusal in refusals_of(convention=convention, at=at, **form.cleaned_data):
        form.add_error(refusal.field, refusal.message)
    return form.is_valid()

"""After the signature: reports, and the procedure by which money is asked back."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from conventions.forms import (
    ConfirmRepaymentForm,
    NoticeForm,
    ObservationsForm,
    RepaymentDecisionForm,
    ReportForm,
    ReturnForm,
)
from conventions.models import Convention, Repayment
from conventions.presentation import APPLICANT
from conventions.roles import is_beneficiary, is_officer
from conventions.services import repayments as services
from conventions.services.reports import may_report, send_report
from conventions.views.access import (
    audience_of,
    officer_convention,
    own_convention,
    repayment_of,
    visible_convention,
)
from core.errors import Refused
from core.money import euros
from core.reread import Step, rows_of, step_of
from territories.people import person


def _refuse(form: Any, refusal: Refused) -> None:
    form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)


def _back(repayment: Repayment) -> HttpResponse:
    return redirect("repayment_detail", number=repayment.convention.number, pk=repayment.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def report_new(request: HttpRequest, number: str) -> HttpResponse:
    """The beneficiary tells what was done and spent."""
    convention = own_convention(request, number)
    if not may_report(person(request), convention, timezone.now()):
        messages.info(request, "Les comptes rendus s’envoient une fois la convention signée par les deux parties.")
        return redirect("convention_detail", number=convention.number)
    form = ReportForm(request.POST, request.FILES) if request.method == "POST" else ReportForm()
    if request.method == "POST" and form.is_valid():
        facts = form.cleaned_data
        file = facts.pop("file")
        try:
            send_report(
                convention=convention,
                user=person(request),
                at=timezone.now(),
                attachment=(file.name, file.read()) if file else None,
                **facts,
            )
        except Refused as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Votre compte rendu est envoyé au service.")
            return redirect("convention_detail", number=convention.number)
    return render(request, "conventions/report_new.html", {"convention": convention, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
def repayment_notify(request: HttpRequest, number: str) -> HttpResponse:
    """The officer tells what is intended; nothing is decided yet."""
    convention = officer_convention(request, number)
    form, at, rows = NoticeForm(request.POST or None), timezone.now(), None
    step = step_of(request, form)
    try:
        if step == Step.ACT:
            repayment = services.notify_repayment(
                convention=convention, user=person(request), at=at, **form.cleaned_data
            )
            messages.success(request, "La collectivité est prévenue et peut présenter ses observations.")
            return _back(repayment)
        if step == Step.READ:
            services.check_notice(convention, form.cleaned_data["amount"], form.cleaned_data["answer_due_on"], at)
            rows = rows_of(form)
    except Refused as refusal:
        _refuse(form, refusal)
    context = {"convention": convention, "form": form, "rows": rows, "returnable": services.returnable(convention)}
    return render(request, "conventions/repayment_notify.html", context)


@require_safe
def repayment_detail(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """The procedure as both parties read it, and what each may do now."""
    convention = visible_convention(request, number)
    return _render(request, convention, repayment_of(convention, pk))


def _render(request: HttpRequest, convention: Convention, repayment: Repayment, **forms: Any) -> HttpResponse:
    at = timezone.now()
    is_open = repayment.decided_at is None
    context = {
        "convention": convention,
        "repayment": repayment,
        "is_officer": is_officer(request.user, convention, at),
        "may_answer": is_open and repayment.answered_at is None and is_beneficiary(request.user, convention, at),
        "may_be_decided": repayment.may_be_decided(at),
        "awaits_return": bool(repayment.amount_decided) and repayment.ledger_entry_id is None,
        "speaks_to_beneficiary": audience_of(request, convention) == APPLICANT,
        "answer_form": ObservationsForm(),
        "return_form": ReturnForm(),
        **forms,
    }
    return render(request, "conventions/repayment_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def repayment_answer(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """The beneficiary's observations."""
    convention = own_convention(request, number)
    repayment = repayment_of(convention, pk)
    form = ObservationsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.answer_repayment(repayment=repayment, user=person(request), at=timezone.now(), **form.cleaned_data)
        except Refused as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Vos observations sont enregistrées. Elles seront lues avant toute décision.")
            return _back(repayment)
    return _render(request, convention, repayment, answer_form=form)


@require_http_methods(["GET", "HEAD", "POST"])
def repayment_decide(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """The decision, written then confirmed: the code is bound to the amount and the reason that were read."""
    convention = officer_convention(request, number)
    repayment = repayment_of(convention, pk)
    if obstacle := _decision_obstacle(repayment):
        messages.info(request, obstacle)
        return _back(repayment)
    gives_up = not repayment.may_be_decided(timezone.now())
    form = RepaymentDecisionForm(request.POST or None, initial={"amount": repayment.amount}, gives_up=gives_up)
    context = {"convention": convention, "repayment": repayment, "form": form, "gives_up": gives_up}
    if not form.is_valid():
        return render(request, "conventions/repayment_decide.html", context)
    facts = form.cleaned_data
    confirmation = ConfirmRepaymentForm(
        request.POST if "key" in request.POST else None,
        initial=facts,
        auto_id="confirm_%s",
        user=person(request),
        act=services.DECIDE_ACT,
        content_sha256=services.what_is_decided(repayment, **facts),
    )
    if confirmation.is_valid():
        key, at = confirmation.cleaned_data["key"], timezone.now()
        try:
            services.decide_repayment(repayment=repayment, user=person(request), at=at, key=key, **facts)
        except Refused as refusal:
            confirmation.refuse(refusal)
        else:
            messages.success(request, "La décision est enregistrée et envoyée à la collectivité.")
            return _back(repayment)
    rows, cancel_url = _decision_rows(convention, **facts), reverse("repayment_detail", args=[number, pk])
    context |= {"confirmation": confirmation, "rows": rows, "cancel_url": cancel_url}
    return render(request, "conventions/repayment_decide.html", context)


def _decision_obstacle(repayment: Repayment) -> str:
    """Why nothing can be decided now, for the officer; empty when it can."""
    if repayment.decided_at is not None:
        return "La décision est déjà prise et envoyée à la collectivité : elle ne change plus."
    return ""


def _decision_rows(convention: Convention, *, amount: Decimal, reason: str) -> list[dict[str, str]]:
    """The decision as it is confirmed."""
    return [
        {"term": "Convention", "description": convention.number},
        {"term": "À reverser", "description": euros(amount)},
        {"term": "Motif", "description": reason},
    ]


@require_http_methods(["GET", "HEAD", "POST"])
def repayment_receive(request: HttpRequest, number: str, pk: int) -> HttpResponse:
    """The officer records that the money came back."""
    convention = officer_convention(request, number)
    repayment = repayment_of(convention, pk)
    if not repayment.amount_decided:
        messages.info(request, "Aucun reversement n’est décidé : il n’y a rien à encaisser.")
        return _back(repayment)
    form = ReturnForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.record_return(repayment=repayment, user=person(request), at=timezone.now(), **form.cleaned_data)
        except Refused as refusal:
            _refuse(form, refusal)
        else:
            messages.success(request, "Le reversement est encaissé.")
            return _back(repayment)
    return _render(request, convention, repayment, return_form=form)

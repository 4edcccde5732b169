"""The acts that engage the applicant: filing, withdrawing, answering."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from applications.completeness import missing_items
from applications.content import content_sha256
from applications.forms.filing import CompletionAnswerForm, SubmitForm, WithdrawForm
from applications.models import Application
from applications.permissions import can
from applications.presentation import sheet_of
from applications.rules import evaluate_application
from applications.services import answer_completion, submit_application, withdraw
from applications.views.access import followed_application, own_application
from applications.views.drafts import menu_of
from core.errors import Refused


@require_http_methods(["GET", "HEAD", "POST"])
def application_submit(request: HttpRequest, pk: Any) -> HttpResponse:
    """The last reading, the sworn statement, the filing."""
    application = own_application(request, pk)
    form = SubmitForm(
        request.POST if request.method == "POST" else None, initial={"shown": content_sha256(application)}
    )
    if form.is_bound and form.is_valid():
        try:
            submit_application(
                application=application,
                user=request.user,  # type: ignore[arg-type]
                at=timezone.now(),
                key=form.cleaned_data["idempotency_key"],
                sworn_as=form.cleaned_data["sworn_as"],
                shown=form.cleaned_data["shown"],
            )
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
            # What a colleague has just saved is what is read again, and sworn to.
            application = own_application(request, pk)
            if "shown" in refusal.data:
                form.data = {**dict(form.data.items()), "shown": content_sha256(application)}
        else:
            return redirect("application_submitted", pk)
    if not application.is_draft:
        if form.is_bound:
            messages.info(request, str(next(iter(form.non_field_errors()), "Ce dossier est déjà déposé.")))
        return redirect("application_detail", pk)
    return _render_filing(request, application, form)


def _render_filing(request: HttpRequest, application: Application, form: SubmitForm) -> HttpResponse:
    at = timezone.now()
    context = {
        **menu_of(application, "depot", at),
        "sheet": sheet_of(application, at, shows_bank=True),
        "verdict": evaluate_application(application, at, is_page=True),
        "form": form,
    }
    return render(request, "applications/submit.html", context)


@require_safe
def application_submitted(request: HttpRequest, pk: Any) -> HttpResponse:
    """The confirmation: the number, what happens next and when."""
    application = followed_application(request, pk)
    if application.submitted_at is None:
        raise Http404
    return render(request, "applications/submitted.html", {"application": application})


@require_http_methods(["GET", "HEAD", "POST"])
def application_withdraw(request: HttpRequest, pk: Any) -> HttpResponse:
    """Takes the dossier back, once confirmed."""
    application, at = own_application(request, pk), timezone.now()
    form = WithdrawForm(request.POST if request.method == "POST" else None)
    if not can(request.user, application, "withdraw", at):
        messages.info(request, "Ce dossier ne peut plus être retiré.")
        return redirect("application_detail", pk)
    if form.is_bound and form.is_valid():
        try:
            withdraw(application=application, user=request.user, at=at, reason=form.cleaned_data["reason"])  # type: ignore[arg-type]
        except Refused as refusal:
            form.add_error(None, refusal.message)
        else:
            messages.success(request, "Le dossier est retiré.")
            return redirect("application_detail", pk)
    context = {"application": application, "form": form}
    return render(request, "applications/withdraw.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def completion_answer(request: HttpRequest, pk: Any) -> HttpResponse:
    """What the service asks for, where to complete it, and the answer that starts the clock again."""
    application, at = own_application(request, pk), timezone.now()
    pending = application.open_completion_request()
    if pending is None:
        messages.info(request, "Aucune demande de compléments n’attend de réponse.")
        return redirect("application_detail", pk)
    form = CompletionAnswerForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            answer_completion(application=application, user=request.user, at=at, message=form.cleaned_data["message"])  # type: ignore[arg-type]
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, "Votre réponse est envoyée. L’instruction de votre dossier reprend.")
            return redirect("application_detail", pk)
    context = {
        "application": application,
        "pending": pending,
        "missing": missing_items(application, at),
        "form": form,
    }
    return render(request, "applications/completion_answer.html", context)

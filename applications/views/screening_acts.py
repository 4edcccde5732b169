"""The service acts: complete, completed, admissible or not, a message."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from applications import services
from applications.completeness import missing_items
from applications.forms.filing import MessageForm
from applications.forms.screening import AdmissibleForm, CompletionRequestForm, InadmissibleForm
from applications.models import Application
from applications.permissions import possible_actions
from applications.roles import is_screener
from applications.views.access import screened_application
from applications.views.screening import render_screening
from applications.workflow import WORKFLOW
from core.errors import Refused
from core.http import posts_only
from core.reread import Step, rows_of, step_of
from core.templatetags.guichet import paris_date


def _dossier(request: HttpRequest, pk: Any) -> Application:
    """A dossier on which the person may act as a screener; reading it is not enough."""
    application = screened_application(request, pk)
    if not is_screener(request.user, application, timezone.now()):
        raise Http404
    return application


def _act(
    request: HttpRequest,
    application: Application,
    name: str,
    form: forms.Form,
    play: Callable[[], Any],
    said: str,
    template: str,
    sends: str = "",
    **context: Any,
) -> HttpResponse:
    """Shows the form of a transition, then plays it; a refusal is shown on the form.

    ``sends`` says what goes to the applicant, where it cannot be taken back: the form is then read again before.
    """
    is_valid, step = form.is_valid(), step_of(request, form)
    if name not in {row.name for row in possible_actions(request.user, application)}:
        obstacle = WORKFLOW.obstacle(application, name, timezone.now())
        if not (form.is_bound and obstacle):
            messages.info(request, obstacle)
            return redirect("screening_detail", application.pk)
        # What was typed at length stays on the page, to be copied where it may still be sent.
        context |= {"stopped": obstacle, "typed": _typed(form)}
    elif sends and step == Step.READ:
        context |= {"rows": rows_of(form), "sends": sends}
    elif is_valid and (step == Step.ACT or not sends):
        try:
            play()
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, said)
            return redirect("screening_detail", application.pk)
    context = {"stopped": "", "typed": [], "rows": None} | context
    context |= {"application": application, "form": form, "row": WORKFLOW.transition(name)}
    return render(request, template, context)


def _typed(form: forms.Form) -> list[tuple[str, str]]:
    """What the person wrote, field by field."""
    rows = []
    for field in form.visible_fields():
        read = getattr(form, "cleaned_data", {}).get(field.name)
        rows.append((str(field.label), paris_date(read) if isinstance(read, date) else field.value()))
    return [(label, value) for label, value in rows if isinstance(value, str) and value]


@require_http_methods(["GET", "HEAD", "POST"])
def screening_request(request: HttpRequest, pk: Any) -> HttpResponse:
    """Asks for missing items: the clocks stop until the answer."""
    application, at = _dossier(request, pk), timezone.now()
    missing = "\n".join(gap.label for gap in missing_items(application, at))
    form = CompletionRequestForm(request.POST if request.method == "POST" else None, initial={"items": missing})
    return _act(
        request,
        application,
        "request_completion",
        form,
        lambda: services.request_completion(application=application, user=request.user, at=at, **form.request()),  # type: ignore[arg-type]
        "La demande est envoyée au porteur. Le délai de décision est suspendu jusqu’à sa réponse, et au plus tard "
        "jusqu’à la date demandée.",
        "applications/screening_request.html",
        "La demande part aussitôt au porteur. Une fois envoyée, elle ne se modifie ni ne se retire.",
    )


@require_http_methods(["GET", "HEAD", "POST"])
def screening_admissible(request: HttpRequest, pk: Any) -> HttpResponse:
    """Declares the dossier complete and admissible."""
    application, at = _dossier(request, pk), timezone.now()
    form = AdmissibleForm(request.POST if request.method == "POST" else None)
    return _act(
        request,
        application,
        "declare_admissible",
        form,
        lambda: services.declare_admissible(
            application=application,
            user=request.user,  # type: ignore[arg-type]
            at=at,
            note=form.cleaned_data["note"],
        ),
        "Le dossier est recevable. Le porteur est prévenu.",
        "applications/screening_admissible.html",
        missing=missing_items(application, at),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def screening_inadmissible(request: HttpRequest, pk: Any) -> HttpResponse:
    """Sets the dossier aside, with the reason."""
    application, at = _dossier(request, pk), timezone.now()
    form = InadmissibleForm(request.POST if request.method == "POST" else None)
    return _act(
        request,
        application,
        "declare_inadmissible",
        form,
        lambda: services.declare_inadmissible(
            application=application,
            user=request.user,  # type: ignore[arg-type]
            at=at,
            reason=form.cleaned_data["reason"],
        ),
        "Le dossier est irrecevable. La décision motivée est envoyée au porteur.",
        "applications/screening_inadmissible.html",
        "Le dossier est écarté et cette décision part aussitôt au porteur, avec ce motif. Elle ne se modifie plus ici.",
    )


@posts_only
def screening_complete(request: HttpRequest, pk: Any) -> HttpResponse:
    """Says that nothing is missing."""
    application = _dossier(request, pk)
    try:
        services.confirm_completeness(application=application, user=request.user, at=timezone.now())  # type: ignore[arg-type]
    except Refused as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "Le dossier est noté complet.")
    return redirect("screening_detail", pk)


@posts_only
def screening_message(request: HttpRequest, pk: Any) -> HttpResponse:
    """Writes to the applicant."""
    application = _dossier(request, pk)
    form = MessageForm(request.POST)
    if form.is_valid():
        try:
            services.send_message(
                application=application,
                user=request.user,  # type: ignore[arg-type]
                at=timezone.now(),
                body=form.cleaned_data["body"],
            )
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, "Votre message est envoyé au porteur.")
            return redirect("screening_detail", pk)
    return render_screening(request, application, form)

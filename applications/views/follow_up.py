"""Following a dossier: its state, its history, the exchanges, the acknowledgement."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from applications.completeness import missing_items
from applications.enums import ApplicationState
from applications.forms.filing import MessageForm
from applications.hooks import decision_of, follow_up_of
from applications.models import Acknowledgement, Application
from applications.permissions import possible_actions, reads_bank_details
from applications.presentation import (
    APPLICANT,
    appeal_until,
    exchanges_of,
    sheet_of,
    step_of,
    timeline_of,
    verdict_of,
)
from applications.services import send_message
from applications.views.access import followed_application, own_application, visible_application
from applications.workflow import guard_session_open
from core import files
from core.errors import Refused
from core.http import posts_only


@require_safe
def application_detail(request: HttpRequest, pk: Any) -> HttpResponse:
    """The state of the dossier, the next step and who acts, everything that was filed and said."""
    return render_detail(request, followed_application(request, pk), MessageForm())


def render_detail(request: HttpRequest, application: Application, form: MessageForm) -> HttpResponse:
    """The page of a dossier, with the message being written."""
    at = timezone.now()
    actions = {row.name for row in possible_actions(request.user, application, at)}
    context = {
        "application": application,
        "step": step_of(application, at),
        "follow_up": follow_up_of(application, request.user),
        "decision": decision_of(application) if application.decided_at else None,
        "actions": actions,
        "closed": guard_session_open(application, at) if application.is_draft else "",
        "missing": missing_items(application, at) if application.is_draft else [],
        "pending": application.open_completion_request(),
        "appeal_until": appeal_until(application, at),
        "now": at,
        "is_deemed_complete": application.is_deemed_complete(at) or application.completed_at is not None,
        "sheet": sheet_of(application, at, shows_bank=True),
        "verdict": verdict_of(application),
        "events": timeline_of(application, APPLICANT),
        "exchanges": exchanges_of(application, APPLICANT),
        "acknowledgement": Acknowledgement.objects.filter(application=application).select_related("file").first(),
        "form": form,
    }
    return render(request, "applications/application_detail.html", context)


@posts_only
def application_message(request: HttpRequest, pk: Any) -> HttpResponse:
    """Writes to the service."""
    application = own_application(request, pk)
    form = MessageForm(request.POST)
    if form.is_valid():
        try:
            send_message(application=application, user=request.user, at=timezone.now(), body=form.cleaned_data["body"])  # type: ignore[arg-type]
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            told = "Votre message est envoyé au service."
            if application.state == ApplicationState.COMPLETION_REQUESTED:
                told += " Il ne répond pas à sa demande de compléments\u00a0: pour cela, « Compléter et répondre »."
            messages.success(request, told)
            return redirect("application_detail", pk)
    return render_detail(request, application, form)


@require_safe
def acknowledgement_download(request: HttpRequest, pk: Any) -> HttpResponse:
    """The acknowledgement in PDF, once the worker has written it. It lists every document: it is not for a jury."""
    application = visible_application(request, pk)
    if not reads_bank_details(request.user, application, timezone.now()):
        raise Http404
    row = Acknowledgement.objects.filter(application=application).select_related("file").first()
    if row is None:
        raise Http404
    if row.file is None:
        return render(request, "applications/acknowledgement_pending.html", {"application": application})
    return files.download(row.file)

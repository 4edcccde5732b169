"""Documents of a dossier: joined, taken out, downloaded."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from applications.enums import AttachmentKind
from applications.forms.filing import AttachmentForm, upload_of
from applications.models import Application, Attachment
from applications.permissions import may_edit, reads_bank_details
from applications.services import add_attachment, remove_attachment
from applications.views.access import own_application, visible_application
from applications.views.drafts import CLOSED, render_documents
from core import files, uploads
from core.errors import Refused
from core.http import posts_only


@posts_only
def attachment_add(request: HttpRequest, pk: Any) -> HttpResponse:
    """Joins one document, after its bytes were read."""
    application, at = own_application(request, pk), timezone.now()
    if not may_edit(request.user, application, at):
        messages.info(request, CLOSED)
        return redirect("application_detail", pk)
    form = AttachmentForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            add_attachment(application=application, user=request.user, at=at, **upload_of(form))  # type: ignore[arg-type]
        except Refused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, refusal.message)
        else:
            messages.success(request, "La pièce est jointe à votre dossier.")
            return redirect("application_section", pk, "pieces")
    return render_documents(request, application, form)


@require_http_methods(["GET", "HEAD", "POST"])
def attachment_remove(request: HttpRequest, pk: Any, attachment: Any) -> HttpResponse:
    """Takes a document out of the dossier, once asked."""
    application = own_application(request, pk)
    row = _attachment(application, attachment)
    if request.method != "POST":
        if not may_edit(request.user, application, timezone.now()):
            messages.info(request, CLOSED)
            return redirect("application_detail", pk)
        return render(request, "applications/attachment_remove.html", {"application": application, "attachment": row})
    try:
        remove_attachment(attachment=row, user=request.user, at=timezone.now())  # type: ignore[arg-type]
    except Refused as refusal:
        messages.error(request, refusal.message)
        return redirect("application_detail", pk)
    messages.success(request, "La pièce est retirée de votre dossier.")
    return redirect("application_section", pk, "pieces")


@require_safe
def attachment_download(request: HttpRequest, pk: Any, attachment: Any) -> HttpResponse:
    """The bytes of a document, to whoever may see the dossier; bank details are not for a jury."""
    application = visible_application(request, pk)
    row = _attachment(application, attachment)
    is_bank = row.kind == AttachmentKind.BANK_DETAILS
    if is_bank and not reads_bank_details(request.user, application, timezone.now()):
        raise Http404
    if not uploads.is_released(row.file):
        context = {"name": row.file.name}
        return render(request, "applications/file_held.html", context, status=409)
    return files.download(row.file)


def _attachment(application: Application, pk: Any) -> Attachment:
    row = application.attachments.select_related("file", "application").filter(pk=pk, removed_at__isnull=True).first()
    if row is None:
        raise Http404
    return row

"""Leaving a dossier of the jury without having been asked to read it: for oneself, or for a member one presides."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from applications.models import Application
from applications.permissions import denied
from core.errors import Refused
from jury import services
from jury.forms import MemberRecusalForm
from jury.models import Juror, Jury
from jury.permissions import dossiers_of, seats_of
from jury.queries import jury_dossiers
from jury.views.found import manages, person

PER_PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
def jury_recuse(request: HttpRequest, pk: Any, dossier: Any) -> HttpResponse:
    """A recusal from one dossier, declared or found; for good, and at once."""
    jury = Jury.objects.select_related("session__axis__call").filter(pk=pk).first()
    application = _dossier(request, jury, dossier) if jury is not None else None
    if jury is None or application is None:
        raise Http404
    members = _members(request, jury, application)
    form = MemberRecusalForm(request.POST or None, members=members, initial=_alone(members))
    if request.method == "POST" and form.is_valid():
        member = form.member()
        try:
            services.recuse(
                juror=member,
                application=application,
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
                actor=person(request),
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(
                request,
                f"Le déport est enregistré : {member.user} n’a plus accès au dossier {application.number}.",
            )
            return redirect("jury_detail" if manages(request, jury) else "jury_conflicts", pk=pk)
    context = {"jury": jury, "dossier": application, "form": form, "manages": manages(request, jury)}
    return render(request, "jury/recuse_member.html", context)


@require_safe
def jury_conflicts(request: HttpRequest, pk: Any) -> HttpResponse:
    """What a member goes through before the meeting: who applies, so as to say what ties them to one of them."""
    jury = Jury.objects.select_related("session").filter(pk__in=seats_of(request.user).values("jury"), pk=pk).first()
    if jury is None:
        raise Http404
    rows = jury_dossiers(jury).exclude(denied(request.user)).select_related("organisation").order_by("number", "pk")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "jury/conflicts.html", {"jury": jury, "page": page})


def _dossier(request: HttpRequest, jury: Jury, pk: Any) -> Application | None:
    """A dossier of this jury: any that still awaits it, for a member who has not left it; else one that is seen.

    A member says what ties them to a dossier before it is theirs to read: its number and its applicant are enough.
    """
    if manages(request, jury):
        found = dossiers_of(jury, request.user).select_related("organisation").filter(pk=pk).first()
        if found is not None:
            return found
    if not seats_of(request.user).filter(jury=jury).exists():
        return None
    return jury_dossiers(jury).exclude(denied(request.user)).select_related("organisation").filter(pk=pk).first()


def _members(request: HttpRequest, jury: Jury, application: Application) -> list[Juror]:
    """Oneself; for whoever manages the jury, every member who has not left the dossier yet."""
    members = jury.jurors.select_related("user").exclude(recusals__application=application)
    if not manages(request, jury):
        members = members.filter(user_id=person(request).pk)
    return list(members.order_by("user__last_name", "pk"))


def _alone(members: list[Juror]) -> dict[str, Any]:
    return {"juror": str(members[0].pk)} if len(members) == 1 else {}

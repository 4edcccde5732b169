"""Seating the jury of a session."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from calls.models import Session
from core.errors import Refused
from jury import services
from jury.forms import JuryForm, member_lines
from jury.permissions import sessions_without_jury, visible_juries
from jury.views.found import person

LINES, MOST_LINES = 6, 40


@require_http_methods(["GET", "HEAD", "POST"])
def jury_constitute(request: HttpRequest, pk: Any) -> HttpResponse:
    """Name, rule and members of the jury; its chair takes over from there."""
    seated = visible_juries(request.user).filter(session_id=pk).first()
    if seated is not None:  # sent twice, or seated by a colleague meanwhile
        messages.info(request, "Cette relève a déjà son jury.")
        return redirect("jury_detail", pk=seated.pk)
    session = _session(request, pk)
    grid = session.axis.grids.order_by("-version").first()
    form = JuryForm(request.POST or None, initial={"name": f"Jury – {session.axis.title}, {session.title}"[:200]})
    lines = member_lines(session, request.POST or None, count=_count(request))
    # Both are asked, so that every mistake is shown at once.
    if request.method == "POST" and all([form.is_valid(), lines.is_valid()]) and grid is not None:
        try:
            jury = services.constitute_jury(
                session=session,
                grid=grid,
                members=lines.members(),
                at=timezone.now(),
                actor=person(request),
                **form.cleaned_data,
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(request, f"Le jury est constitué : {jury.jurors.count()} membres.")
            return redirect("jury_detail", pk=jury.pk)
    return render(
        request,
        "jury/constitute.html",
        {"session": session, "grid": grid, "form": form, "lines": lines, "more": _count(request) + LINES},
    )


def _session(request: HttpRequest, pk: Any) -> Session:
    session = sessions_without_jury(request.user, timezone.now()).select_related("axis__call").filter(pk=pk).first()
    if session is None:
        raise Http404
    return session


def _count(request: HttpRequest) -> int:
    """How many empty lines the page shows: the button that adds one needs a script, this does not."""
    asked = request.GET.get("membres", "")
    return min(int(asked), MOST_LINES) if asked.isascii() and asked.isdigit() else LINES

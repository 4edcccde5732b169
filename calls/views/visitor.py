"""Home and pages of the calls, open to everyone."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from calls.links import application_start_url, verification_url
from calls.presentation import axis_sheets, call_cards, millions
from calls.services import current_call, open_sessions, published_calls
from core.navigation import waiting_for


@login_not_required
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What the service is for, and three ways in: am I eligible, file, verify a document."""
    now = timezone.now()
    call = current_call(now)
    context = {
        "call": call,
        "amount": millions(call.announced_amount) if call else "",
        "sessions": list(open_sessions(call, now)) if call else [],
        "waiting": waiting_for(request.user),
        "start_url": application_start_url(),
        "verification_url": verification_url(),
    }
    return render(request, "calls/home.html", context)


@login_not_required
@require_safe
def call_list(request: HttpRequest) -> HttpResponse:
    """The published calls, with what is open in each today."""
    now = timezone.now()
    return render(request, "calls/call_list.html", {"calls": call_cards(published_calls(now), now)})


@login_not_required
@require_safe
def call_detail(request: HttpRequest, code: str) -> HttpResponse:
    """One call: its axes, dates, rates, excluded costs, and the history of its rules."""
    now = timezone.now()
    call = get_object_or_404(published_calls(now), code=code)
    sheets, history = axis_sheets(call, now)
    context = {
        "call": call,
        "amount": millions(call.announced_amount),
        "sheets": [
            (sheet, millions(sheet.axis.announced_amount), application_start_url(call=call.code, axis=sheet.axis.code))
            for sheet in sheets
        ],
        "history": history[::-1],
    }
    return render(request, "calls/call_detail.html", context)

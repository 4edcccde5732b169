"""The page of an act on somebody's affiliation that takes a reason, for the rooms where one may do it."""

from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from core.errors import Refused
from territories.forms import AffiliationReasonForm
from territories.models import Affiliation


@dataclass(frozen=True)
class Wording:
    """What the page says, in French: its title, which is also its button; what it does; what is said afterwards."""

    title: str
    lead: str
    done: str


def reasoned_act(
    request: HttpRequest, affiliation: Affiliation, *, wording: Wording, act: Callable[[str], object], back: str
) -> HttpResponse:
    """Show the form, or do ``act(reason)`` and lead to the page ``back``; a refusal is told in the form.

    Who may do it is the business of the view that calls.
    """
    form = AffiliationReasonForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            act(form.cleaned_data["reason"])
        except Refused as refusal:
            form.add_error(refusal.field, refusal.message)
        else:
            messages.success(request, wording.done)
            return redirect(back)
    context = {"form": form, "affiliation": affiliation, "wording": wording, "back": back}
    return render(request, "territories/affiliation_reason.html", context, status=422 if form.errors else 200)

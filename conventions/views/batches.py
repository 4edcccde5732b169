"""How far the worker is with the conventions of a released list."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from conventions.enums import ConventionState
from conventions.models import Batch
from conventions.permissions import agent_conventions, agent_scope, may_retry, visible_batches
from conventions.services.batches import retry_batch, troubles_of
from conventions.views.access import visible_batch
from conventions.waiting import batches_to_retry
from core.http import posts_only
from territories.people import person


@require_safe
def batch_list(request: HttpRequest) -> HttpResponse:
    """The batches of the agent's axes, latest first; « ?attente=reprise »: those that wait for this officer."""
    if not agent_scope(request.user):
        raise Http404
    only_stuck = request.GET.get("attente") == "reprise"
    if only_stuck:
        batches = batches_to_retry(request.user)
    else:
        rows = visible_batches(request.user).select_related("decision_list")
        batches = list(rows.order_by("-created_at", "pk")[:100])
    return render(request, "conventions/batch_list.html", {"batches": batches, "only_stuck": only_stuck})


def _context(request: HttpRequest, batch: Batch) -> dict[str, Any]:
    rows = agent_conventions(request.user).filter(batch=batch)
    states = list(rows.values_list("state", flat=True))
    done = sum(state != ConventionState.PENDING for state in states)
    return {
        "batch": batch,
        "total": len(states),
        "done": done,
        "finished_text": f"Les {len(states)} conventions sont rédigées et cachetées."
        if len(states) > 1
        else "La convention est rédigée et cachetée.",
    }


@require_safe
def batch_detail(request: HttpRequest, pk: Any) -> HttpResponse:
    """Progress, what is in trouble and why, and every convention of the batch."""
    batch = visible_batch(request, pk)
    rows = agent_conventions(request.user).filter(batch=batch)
    seen = {row.pk for row in rows}
    context = {
        **_context(request, batch),
        "conventions": rows.select_related("application__organisation").order_by("number"),
        "troubles": [trouble for trouble in troubles_of(batch) if trouble.convention.pk in seen],
        "may_retry": may_retry(request.user, batch),
    }
    return render(request, "conventions/batch_detail.html", context)


@require_safe
def batch_progress(request: HttpRequest, pk: Any) -> HttpResponse:
    """The bar alone, which asks for itself every two seconds while the worker writes."""
    batch = visible_batch(request, pk)
    return render(request, "conventions/batch_progress.html", _context(request, batch))


@posts_only
def batch_retry(request: HttpRequest, pk: Any) -> HttpResponse:
    """Asks the worker again for what is not written; for an officer of the batch's own axis."""
    batch = visible_batch(request, pk)
    if not may_retry(request.user, batch):
        raise Http404
    count = retry_batch(batch=batch, at=timezone.now(), actor=person(request))
    messages.success(request, f"La rédaction est relancée pour {count} convention{'s' if count > 1 else ''}.")
    return redirect("batch_detail", pk=batch.pk)

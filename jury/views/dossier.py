"""A dossier of a jury, for those who prepare and hold its meeting."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from jury.enums import EvaluationState
from jury.models import Recusal
from jury.permissions import own_evaluations, readable_evaluations, reads_names
from jury.queries import criteria_of
from jury.views.found import followed_jury, jury_dossier
from jury.views.juror import dossier_context, reading_of


@require_safe
def jury_dossier_page(request: HttpRequest, pk: Any, dossier: Any) -> HttpResponse:
    """What the readers had before them and what they made of it: the evaluations that the person may read now."""
    jury = followed_jury(request, pk)
    application = jury_dossier(request, jury, dossier)
    undeclared = own_evaluations(request.user).filter(application=application, no_conflict_declared_at=None).first()
    if undeclared is not None:
        # Whoever reads it too says first that nothing ties them to it.
        return redirect("evaluation_page", pk=undeclared.pk)
    is_named = reads_names(request.user, jury)
    given = (
        readable_evaluations(request.user, jury)
        .filter(application=application, state=EvaluationState.SUBMITTED)
        .select_related("juror__user", "juror__jury__grid")
        .prefetch_related("scores__criterion")
        # Numbers in the order of the seats would be names to whoever sees the seats: that of a random key tells nothing.
        .order_by("juror_id" if is_named else "pk")
    )
    criteria = criteria_of(jury.grid)
    left = set(Recusal.objects.filter(application=application).values_list("juror_id", flat=True))
    readings = [
        {
            **reading_of(row, criteria),
            "reader": str(row.juror.user) if is_named else f"Juré {rank}",
            "has_left": row.juror_id in left,
        }
        for rank, row in enumerate(given, start=1)
    ]
    context = {"jury": jury, "readings": readings, **dossier_context(application)}
    return render(request, "jury/dossier_page.html", context)

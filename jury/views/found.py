"""Which jury, dossier, deliberation or list a page is about: found among those visible to the person, or 404."""

from typing import Any

from django.http import Http404, HttpRequest
from django.utils import timezone

from accounts.models import User
from applications.models import Application
from jury.models import AssignmentRun, DecisionList, Deliberation, Evaluation, Jury
from jury.permissions import (
    chaired,
    dossiers_of,
    ever_own_evaluations,
    own_evaluations,
    visible_deliberations,
    visible_juries,
    visible_lists,
)
from jury.workflow import is_chair, is_officer

ON_JURY = ("session__axis__call", "grid")


def person(request: HttpRequest) -> User:
    """Who is signed in; the pages of this room open to nobody else."""
    if not isinstance(request.user, User):
        raise Http404
    return request.user


def own_evaluation(request: HttpRequest, pk: Any) -> Evaluation:
    """One of the person's own seats, on a dossier still theirs. What is sent late finds it too: it is answered, and the
    text typed is not lost."""
    seats = ever_own_evaluations if request.method == "POST" else own_evaluations
    rows = seats(request.user).select_related(
        "juror__jury__session__axis__call", "juror__jury__grid", "application__organisation", "application__theme"
    )
    return _one(rows.prefetch_related("scores__criterion"), pk)


def followed_jury(request: HttpRequest, pk: Any) -> Jury:
    """A jury that the person presides or follows for the ministry."""
    return _one(visible_juries(request.user).select_related(*ON_JURY), pk)


def managed_jury(request: HttpRequest, pk: Any) -> Jury:
    """A jury that the person presides, or whose axis they manage."""
    jury = followed_jury(request, pk)
    if not manages(request, jury):
        raise Http404
    return jury


def manages(request: HttpRequest, jury: Jury) -> bool:
    """Chair of the jury, or officer of its axis over the whole country."""
    now = timezone.now()
    return is_chair(request.user, jury, now) or is_officer(request.user, jury, now)


def managed_run(request: HttpRequest, pk: Any) -> AssignmentRun:
    run = _one(AssignmentRun.objects.filter(jury__in=visible_juries(request.user).values("pk")), pk)
    managed_jury(request, run.jury_id)
    return run


def jury_dossier(request: HttpRequest, jury: Jury, pk: Any) -> Application:
    """A dossier of this jury that the person may see."""
    return _one(dossiers_of(jury, request.user).select_related("organisation", "theme"), pk)


def followed_deliberation(request: HttpRequest, pk: Any) -> Deliberation:
    rows = visible_deliberations(request.user).select_related(
        "jury__session__axis__call", "jury__grid", "minutes_file", "closed_by"
    )
    return _one(rows, pk)


def managed_deliberation(request: HttpRequest, pk: Any) -> Deliberation:
    deliberation = followed_deliberation(request, pk)
    if not manages(request, deliberation.jury):
        raise Http404
    return deliberation


def chaired_deliberation(request: HttpRequest, pk: Any) -> Deliberation:
    deliberation = followed_deliberation(request, pk)
    if not chaired(request.user).filter(pk=deliberation.jury_id).exists():
        raise Http404
    return deliberation


def visible_list(request: HttpRequest, pk: Any) -> DecisionList:
    rows = visible_lists(request.user).select_related(
        "deliberation__jury__session__axis__call", "prepared_by", "released_by"
    )
    return _one(rows, pk)


def _one(rows: Any, pk: Any) -> Any:
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found

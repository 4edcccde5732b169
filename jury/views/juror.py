"""A juror's desk: the dossiers to read, the conflict said first, the grid beside the dossier."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from applications.financing import Assessment, assess, plan_of
from applications.models import Application
from applications.rules import rules_of, terms_of
from core.errors import Refused
from core.http import posts_only
from jury import services
from jury.enums import DeliberationState, EvaluationState
from jury.forms import EvaluationForm, HandInForm, RecusalForm
from jury.models import Deliberation, Evaluation
from jury.permissions import (
    chaired,
    due_evaluations,
    is_juror,
    juries_at_work,
    own_evaluations,
    readable_evaluations,
    seats_of,
)
from jury.queries import criteria_of
from jury.scoring import CriterionSpec, total_of
from jury.views.found import own_evaluation, person
from jury.workflow import EVALUATION, guard_not_deliberated

ORDER = {EvaluationState.DRAFT: 0, EvaluationState.ASSIGNED: 1, EvaluationState.SUBMITTED: 2}

CHANGED_SINCE = (
    "Cette évaluation a été enregistrée entre-temps, peut-être dans un autre onglet\u00a0: rien n’est remis. Relisez "
    "ci-dessous ce qui est enregistré maintenant, puis remettez-la."
)
KEPT_SO_FAR = "Ce que vous avez noté est enregistré."
ALREADY_HANDED_IN = (
    "Cette évaluation est déjà remise, peut-être depuis un autre onglet : voici ce qu’elle dit. Ce que vous venez "
    "d’envoyer n’a rien changé."
)


def _next_of(user: Any, other_than: Any = None) -> Evaluation | None:
    """What is left to read: begun first, then in the order of the numbers."""
    rows = due_evaluations(user).exclude(pk=other_than)
    return rows.order_by("-state", "application__number", "pk").first()


@require_safe
def jury_desk(request: HttpRequest) -> HttpResponse:
    """The juror's dossiers: how far, what is left, which one next."""
    if not is_juror(request.user):
        raise Http404
    rows = list(
        own_evaluations(request.user)
        .select_related("application__organisation", "application__theme", "juror__jury__session")
        .order_by("application__number", "pk")
    )
    rows.sort(key=lambda row: ORDER[row.state])
    due = set(due_evaluations(request.user).values_list("pk", flat=True))
    meetings = Deliberation.objects.filter(
        jury__in=seats_of(request.user).values("jury"), state=DeliberationState.OPEN
    ).select_related("jury")
    return render(
        request,
        "jury/desk.html",
        {
            "due": [row for row in rows if row.pk in due],
            "finished": [row for row in rows if row.state == EvaluationState.SUBMITTED],
            "passed": [row for row in rows if row.state != EvaluationState.SUBMITTED and row.pk not in due],
            "presides": chaired(request.user).exists(),
            "done": sum(row.state == EvaluationState.SUBMITTED for row in rows),
            "total": len(rows),
            "left": len(due),
            "next": next((row for row in rows if row.pk in due), None),
            "juries": juries_at_work(request.user),
            "meetings": meetings.order_by("held_at", "pk"),
        },
    )


@require_safe
def evaluation_page(request: HttpRequest, pk: Any) -> HttpResponse:
    """The declaration first; then the dossier and the grid, or what was handed in."""
    evaluation = own_evaluation(request, pk)
    if evaluation.no_conflict_declared_at is None:
        # Nothing to declare for a mark that can no longer be given; a tie is still declared from the list of candidates.
        if closed := guard_not_deliberated(evaluation, timezone.now()):
            messages.info(request, closed)
            return redirect("jury_desk")
        return render(request, "jury/declare.html", {"evaluation": evaluation, "dossier": evaluation.application})
    if evaluation.state == EvaluationState.SUBMITTED:
        return _submitted_page(request, evaluation)
    return _grid_page(request, evaluation, _form(evaluation))


def _form(evaluation: Evaluation, data: Any = None) -> EvaluationForm:
    criteria = list(evaluation.juror.jury.grid.criteria.select_related("grid").order_by("position", "id"))
    return EvaluationForm(data, evaluation=evaluation, criteria=criteria)


def _grid_page(request: HttpRequest, evaluation: Evaluation, form: EvaluationForm, status: int = 200) -> HttpResponse:
    context = {
        "evaluation": evaluation,
        "form": form,
        "closed": EVALUATION.obstacle(evaluation, "submit", timezone.now()),
        "saved": reading_of(evaluation, criteria_of(evaluation.juror.jury.grid))["total"],
        **dossier_context(evaluation.application),
    }
    return render(request, "jury/evaluate.html", context, status=status)


def dossier_context(application: Application) -> dict[str, Any]:
    """What a juror reads: the project and its money, never bank details nor the names of contacts."""
    return {
        "dossier": application,
        "plan": _plan(application),
        "costs": application.cost_lines.order_by("position", "id"),
        "resources": application.funding_lines.order_by("position", "id"),
        "milestones": application.milestones.order_by("due_on", "id"),
        "indicators": application.indicators.order_by("position", "id"),
        "answers": application.answers.select_related("question").order_by("question__position", "id"),
        "attachments": application.attachments.filter(removed_at__isnull=True)
        .exclude(kind="bank_details")
        .select_related("file")
        .order_by("kind", "added_at", "id"),
    }


def _plan(application: Application) -> Assessment | None:
    """Totals and rates of its money, as every page computes them; None where the axis has published no terms."""
    try:
        terms = terms_of(application, rules_of(application, timezone.now()))
    except Refused:
        return None
    return assess(plan_of(application, terms))


def _submitted_page(request: HttpRequest, evaluation: Evaluation) -> HttpResponse:
    """One's own evaluation, and those of the other readers who have handed theirs in."""
    jury = evaluation.juror.jury
    others = (
        readable_evaluations(request.user, jury)
        .filter(application_id=evaluation.application_id, state=EvaluationState.SUBMITTED)
        .exclude(pk=evaluation.pk)
        .select_related("juror__user", "juror__jury__grid")
        .prefetch_related("scores__criterion")
        .order_by("juror_id")
    )
    criteria = criteria_of(jury.grid)
    return render(
        request,
        "jury/evaluation_submitted.html",
        {
            "evaluation": evaluation,
            "mine": reading_of(evaluation, criteria),
            "others": [reading_of(other, criteria) for other in others],
            "next": _next_of(request.user),
            **dossier_context(evaluation.application),
        },
    )


def reading_of(evaluation: Evaluation, criteria: list[CriterionSpec]) -> dict[str, Any]:
    """An evaluation with its marks in the order of the grid, and the share of the weights left without opinion."""
    scores = sorted(evaluation.scores.all(), key=lambda score: (score.criterion.position, score.pk))
    total = total_of(
        criteria, {score.criterion.code: score.mark for score in scores}, evaluation.juror.jury.grid.maximum
    )
    return {
        "evaluation": evaluation,
        "scores": scores,
        "total": total,
        "unmarked": total.unmarked_share if total else None,
    }


@posts_only
def evaluation_declare(request: HttpRequest, pk: Any) -> HttpResponse:
    """« Rien ne me lie à ce dossier »."""
    evaluation = own_evaluation(request, pk)
    try:
        services.declare_no_conflict(evaluation=evaluation, at=timezone.now(), actor=person(request))
    except Refused as refusal:
        messages.error(request, refusal.message)
    return _back_to(request, evaluation, "evaluation_page")


def _back_to(request: HttpRequest, evaluation: Evaluation, name: str) -> HttpResponse:
    """A page of this evaluation; the desk, once its dossier was decided without it."""
    is_own = own_evaluations(request.user).filter(pk=evaluation.pk).exists()
    return redirect(name, pk=evaluation.pk) if is_own else redirect("jury_desk")


@require_http_methods(["GET", "HEAD", "POST"])
def evaluation_recuse(request: HttpRequest, pk: Any) -> HttpResponse:
    """« Je me déporte »: the dossier disappears from the juror's pages at once."""
    evaluation = own_evaluation(request, pk)
    form = RecusalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.recuse(
                juror=evaluation.juror,
                application=evaluation.application,
                reason=form.cleaned_data["reason"],
                at=timezone.now(),
                actor=person(request),
            )
        except Refused as refusal:
            form.refuse(refusal)
        else:
            messages.success(
                request,
                f"Votre déport du dossier {evaluation.application.number} est enregistré : vous n’y avez plus accès.",
            )
            return redirect("jury_desk")
    return render(
        request, "jury/recuse.html", {"evaluation": evaluation, "dossier": evaluation.application, "form": form}
    )


@posts_only
def evaluation_save(request: HttpRequest, pk: Any) -> HttpResponse:
    """« Enregistrer »: a draft, as often as one likes."""
    evaluation = own_evaluation(request, pk)
    form = _form(evaluation, request.POST)
    if form.is_valid():
        try:
            services.save_evaluation(
                evaluation=evaluation,
                marks=form.marks(),
                comment=form.cleaned_data["comment"],
                version=form.cleaned_data["version"],
                at=timezone.now(),
                actor=person(request),
            )
        except Refused as refusal:
            return _refused_page(request, evaluation, form, refusal)
        messages.success(request, "Évaluation enregistrée. Vous pouvez la reprendre plus tard.")
        return redirect("evaluation_page", pk=pk)
    return _grid_page(request, evaluation, form)


def _refused_page(request: HttpRequest, evaluation: Evaluation, form: EvaluationForm, refusal: Refused) -> HttpResponse:
    """What was typed, kept on the page with what stops it; what is handed in already, when that is what stops it."""
    if _is_handed_in(evaluation):
        messages.error(request, ALREADY_HANDED_IN)
        return redirect("evaluation_page", pk=evaluation.pk)
    if not EVALUATION.obstacle(evaluation, "submit", timezone.now()):
        form.refuse(refusal)
    return _grid_page(request, evaluation, form)


@require_http_methods(["GET", "HEAD", "POST"])
def evaluation_review(request: HttpRequest, pk: Any) -> HttpResponse:
    """« Relire et remettre »: keeps what the grid says, then shows it whole before it is handed in."""
    evaluation = own_evaluation(request, pk)
    if request.method != "POST":
        return _review_page(request, evaluation)
    form = _form(evaluation, request.POST)
    if form.is_valid():
        try:
            saved = services.save_evaluation(
                evaluation=evaluation,
                marks=form.marks(),
                comment=form.cleaned_data["comment"],
                version=form.cleaned_data["version"],
                at=timezone.now(),
                actor=person(request),
            )
        except Refused as refusal:
            return _refused_page(request, evaluation, form, refusal)
        missing = services.incomplete(evaluation=saved, marks=form.marks())
        if missing is None:
            return redirect("evaluation_review", pk=pk)
        form = _form(saved, {**request.POST.dict(), "version": str(saved.version)})
        form.says_kept = KEPT_SO_FAR
        form.is_valid()
        form.refuse(missing)
        return _grid_page(request, saved, form)
    return _grid_page(request, evaluation, form)


def _is_handed_in(evaluation: Evaluation) -> bool:
    """As it is now, whatever it was when the page was asked."""
    evaluation.refresh_from_db(fields=["state", "version"])
    return bool(evaluation.state == EvaluationState.SUBMITTED)


def _review_page(request: HttpRequest, evaluation: Evaluation) -> HttpResponse:
    """The marks as saved and their total; back to the dossier when there is nothing whole to hand in."""
    reading = reading_of(evaluation, criteria_of(evaluation.juror.jury.grid))
    whole = len(reading["scores"]) == evaluation.juror.jury.grid.criteria.count()
    if EVALUATION.obstacle(evaluation, "submit", timezone.now()) or not whole or reading["total"] is None:
        return redirect("evaluation_page", pk=evaluation.pk)
    context = {
        "evaluation": evaluation,
        "dossier": evaluation.application,
        "mine": reading,
        "form": HandInForm(initial={"version": evaluation.version}),
    }
    return render(request, "jury/evaluation_review.html", context)


@posts_only
def evaluation_submit(request: HttpRequest, pk: Any) -> HttpResponse:
    """« Remettre mon évaluation »: for good, and exactly what was read again."""
    evaluation = own_evaluation(request, pk)
    form = HandInForm(request.POST)
    if not form.is_valid():
        return _back_to(request, evaluation, "evaluation_review")
    try:
        services.submit_evaluation(
            evaluation=evaluation,
            marks={row.criterion.code: services.MarkInput(row.mark, row.comment) for row in evaluation.scores.all()},
            comment=evaluation.comment,
            version=form.cleaned_data["version"],
            at=timezone.now(),
            actor=person(request),
            key=form.cleaned_data["idempotency_key"],
        )
    except Refused as refusal:
        if _is_handed_in(evaluation):
            messages.error(request, ALREADY_HANDED_IN)
            return redirect("evaluation_page", pk=pk)
        messages.error(request, CHANGED_SINCE if refusal.field == "version" else refusal.message)
        return _back_to(request, evaluation, "evaluation_review")
    messages.success(request, "Évaluation remise. Merci.")
    return redirect("evaluation_page", pk=pk)

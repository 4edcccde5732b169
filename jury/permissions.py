"""Who may see what of the jury. One function, ``readable_evaluations``, decides which marks a person reads.

Pages, lists, sorting, filters, counts, exports, mails and the minutes all start from it, and it starts from
``Application.objects.visible_to``: a recused juror has neither the dossier nor anything computed from it.
"""

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from applications.enums import AccessEffect, ApplicationState
from applications.models import Access, Application
from applications.permissions import denied
from calls.enums import MandateRole
from calls.models import Session
from calls.permissions import Scope, territory_scope
from core.models import JournalEntry
from core.navigation import once
from jury.conflicts import applied_by, organisations_of
from jury.enums import DeliberationState, EvaluationState
from jury.models import DecisionList, Deliberation, Evaluation, Juror, Jury, Opinion

# Agents who read what a closed deliberation said; they read totals without names.
READER_ROLES = (
    MandateRole.OFFICER,
    MandateRole.RELEASER,
    MandateRole.SIGNATORY,
    MandateRole.AUDITOR,
    MandateRole.ADMINISTRATOR,
)
SEAT_ROLES = (MandateRole.JUROR, MandateRole.CHAIR)


def _signed_in(user: Any) -> bool:
    return bool(getattr(user, "is_authenticated", False) and user.is_active)


def reader_scope(user: Any, at: datetime | None = None) -> Scope:
    """What the person's mandates let them read of juries; once per request."""
    if not _signed_in(user):
        return Scope(())
    return once(user, "jury.reader", lambda: territory_scope(user, READER_ROLES, at or timezone.now()))


def seats_of(user: Any, at: datetime | None = None) -> QuerySet[Juror]:
    """The person's seats in juries whose axis their juror's or chair's mandate still covers."""
    if not _signed_in(user):
        return Juror.objects.none()
    scope = once(user, "jury.seats", lambda: territory_scope(user, SEAT_ROLES, at or timezone.now()))
    return Juror.objects.filter(_on_axis(scope, "jury__session__axis"), user_id=user.pk)


def chaired(user: Any) -> QuerySet[Jury]:
    """Juries that the person presides."""
    return Jury.objects.filter(pk__in=seats_of(user).filter(is_chair=True).values("jury"))


def juries_at_work(user: Any) -> QuerySet[Jury]:
    """Juries in which the person sits and where a dossier that they have not left awaits an opinion."""
    dossiers = Application.objects.filter(session_id=OuterRef("session"), state=ApplicationState.ADMISSIBLE)
    seated = Jury.objects.filter(pk__in=seats_of(user).values("jury"))
    return seated.filter(Exists(dossiers.exclude(denied(user)))).order_by("pk")


def supervised(user: Any) -> QuerySet[Jury]:
    """Juries of the axes that the person's mandates of the ministry cover."""
    scope = reader_scope(user)
    return Jury.objects.filter(_on_axis(scope, "session__axis"))


def visible_juries(user: Any) -> QuerySet[Jury]:
    """Juries whose progress the person follows: those presided, and those of the ministry's axes."""
    return Jury.objects.filter(Q(pk__in=chaired(user).values("pk")) | Q(pk__in=supervised(user).values("pk")))


def sessions_without_jury(user: Any, at: datetime) -> QuerySet[Session]:
    """Sessions whose jury the person may seat: none yet, on an axis they manage over the whole country."""
    if not _signed_in(user):
        return Session.objects.none()
    scope = territory_scope(user, [MandateRole.OFFICER, MandateRole.ADMINISTRATOR], at)
    national = Scope(reaches=tuple(reach for reach in scope.reaches if reach.departements is None))
    return Session.objects.filter(_on_axis(national, "axis"), jury__isnull=True)


def _on_axis(scope: Scope, prefix: str) -> Q:
    """Axes reached by a scope, whatever the territory: dossiers are filtered one by one afterwards."""
    allowed = Q(pk__in=[])
    for reach in scope.reaches:
        one = Q(**{f"{prefix}__call_id": reach.call_id})
        if reach.axis_id is not None:
            one &= Q(**{f"{prefix}_id": reach.axis_id})
        allowed |= one
    return allowed


def judgeable(user: Any) -> QuerySet[Application]:
    """Dossiers that the person may see as a jury does: not those of the collectivités they act for."""
    if not _signed_in(user):
        return Application.objects.none()
    own = once(user, "jury.own_organisations", lambda: organisations_of(user, timezone.now()))
    return Application.objects.visible_to(user).exclude(applied_by(own))


def dossiers_of(jury: Jury, user: Any) -> QuerySet[Application]:
    """Dossiers that this jury examines or has examined, as far as the person may see them."""
    return (
        judgeable(user)
        .filter(session_id=jury.session_id)
        .filter(
            Q(state=ApplicationState.ADMISSIBLE)
            | Q(Exists(Opinion.objects.filter(application=OuterRef("pk"), deliberation__jury=jury)))
        )
    )


def ever_own_evaluations(user: Any) -> QuerySet[Evaluation]:
    """The person's own seats, those too on dossiers decided before they handed anything in."""
    seats = Evaluation.objects.filter(juror__in=seats_of(user), application__in=Application.objects.visible_to(user))
    return seats.exclude(state=EvaluationState.WITHDRAWN).order_by("id")


def own_evaluations(user: Any) -> QuerySet[Evaluation]:
    """The person's own seats on dossiers that are still theirs to read, or that they have read."""
    read = Q(state=EvaluationState.SUBMITTED) | Q(application__state=ApplicationState.ADMISSIBLE)
    return ever_own_evaluations(user).filter(read)


def due_evaluations(user: Any) -> QuerySet[Evaluation]:
    """What the person has still to hand in: the jury has not spoken for good on those dossiers."""
    spoken = Opinion.objects.filter(application=OuterRef("application"), deliberation__state=DeliberationState.CLOSED)
    return own_evaluations(user).exclude(state=EvaluationState.SUBMITTED).exclude(Exists(spoken))


def readable_evaluations(user: Any, jury: Jury | None = None) -> QuerySet[Evaluation]:
    """Evaluations whose marks the person may read now.

    One's own, always. Those of others, once submitted: on a dossier one has oneself evaluated, after submitting;
    for the chair, unless an evaluation of theirs on that dossier is still due; for the ministry, once the
    deliberation on that dossier is closed.
    """
    if not _signed_in(user):
        return Evaluation.objects.none()
    base = Evaluation.objects.exclude(state=EvaluationState.WITHDRAWN).filter(application__in=judgeable(user))
    if jury is not None:
        base = base.filter(juror__jury=jury)
    mine = Evaluation.objects.filter(
        juror__user_id=user.pk, juror__jury=OuterRef("juror__jury"), application=OuterRef("application")
    ).exclude(state=EvaluationState.WITHDRAWN)
    due = mine.exclude(state=EvaluationState.SUBMITTED)
    closed = Opinion.objects.filter(application=OuterRef("application"), deliberation__state=DeliberationState.CLOSED)
    others = (
        Q(state=EvaluationState.SUBMITTED)
        & ~Exists(due)
        & (
            (Q(juror__jury__in=seats_of(user).values("jury")) & Exists(mine.filter(state=EvaluationState.SUBMITTED)))
            | Q(juror__jury__in=chaired(user).values("pk"))
            | (Q(juror__jury__in=supervised(user).values("pk")) & Exists(closed))
        )
    )
    return base.filter(Q(juror__in=seats_of(user)) | others)


def hides_dossiers(user: Any, jury: Jury) -> bool:
    """Whether a dossier of this jury is out of the person's sight: what ranks all of them would tell of that one.

    A recusal or an affiliation counts whatever became of the dossier, else the answer itself would tell it.
    """
    filed = Application.objects.filter(session_id=jury.session_id).exclude(state=ApplicationState.DRAFT)
    examined = Q(state=ApplicationState.ADMISSIBLE) | Exists(
        Opinion.objects.filter(application=OuterRef("pk"), deliberation__jury=jury)
    )
    out_of_reach = examined & ~Q(pk__in=judgeable(user).values("pk"))
    tied = applied_by(organisations_of(user, timezone.now()))
    return filed.filter(denied(user) | tied | out_of_reach).exists()


def reads_every_mark(user: Any, jury: Jury) -> bool:
    """Whether the person reads all that the ranking of this jury stands on: each dossier, each mark handed in."""
    if hides_dossiers(user, jury):
        return False
    dossiers = Application.objects.filter(session_id=jury.session_id, state=ApplicationState.ADMISSIBLE)
    given = Evaluation.objects.filter(juror__jury=jury, application__in=dossiers, state=EvaluationState.SUBMITTED)
    return not given.exclude(pk__in=readable_evaluations(user, jury).values("pk")).exists() and not _owes(user, jury)


def reads_ranks(user: Any, jury: Jury) -> bool:
    """Whether the ranks of the opinions are shown: they stand on every dossier and every mark, also those that the
    person is not to read before handing in their own."""
    return not hides_dossiers(user, jury) and not due_evaluations(user).filter(juror__jury=jury).exists()


def _owes(user: Any, jury: Jury) -> bool:
    """Whether the person still has marks of their own to hand in: until then some may come that they will not read."""
    return own_evaluations(user).filter(juror__jury=jury).exclude(state=EvaluationState.SUBMITTED).exists()


def reads_names(user: Any, jury: Jury) -> bool:
    """Whether jurors are named to this person: only within the jury. Everybody else reads « Juré 1 », « Juré 2 »."""
    return seats_of(user).filter(jury=jury).exists()


def visible_deliberations(user: Any) -> QuerySet[Deliberation]:
    """Deliberations of the juries that the person follows."""
    return Deliberation.objects.filter(jury__in=visible_juries(user).values("pk"))


def visible_opinions(deliberation: Deliberation, user: Any) -> QuerySet[Opinion]:
    """Opinions on dossiers the person may see; the ministry reads them once the deliberation is closed."""
    opinions = deliberation.opinions.filter(application__in=judgeable(user))
    if deliberation.state == DeliberationState.CLOSED or chaired(user).filter(pk=deliberation.jury_id).exists():
        return opinions
    return opinions.none()


def may_read_minutes(user: Any, deliberation: Deliberation) -> bool:
    """The minutes are one document: whoever may not see one of its dossiers (recusal, territory) does not get it."""
    if not visible_deliberations(user).filter(pk=deliberation.pk).exists():
        return False
    hidden = deliberation.opinions.exclude(application__in=judgeable(user))
    return not hidden.exists()


def visible_lists(user: Any) -> QuerySet[DecisionList]:
    """Lists of decisions of the ministry's axes, every dossier of which the person may see and does not apply for."""
    if not _signed_in(user):
        return DecisionList.objects.none()
    from jury.models import Decision

    hidden = Decision.objects.filter(decision_list=OuterRef("pk")).exclude(application__in=judgeable(user))
    scope = reader_scope(user)
    return DecisionList.objects.filter(_on_axis(scope, "deliberation__jury__session__axis")).exclude(Exists(hidden))


def lists_of_hidden_dossiers(user: Any) -> set[str]:
    """Ids of the lists that hold, or once held, a dossier kept from the person (recusal, affiliation): what was said of
    such a list may speak of that dossier, though it was taken out since."""
    from jury.models import Decision

    own = organisations_of(user, timezone.now())
    refused = Access.objects.filter(user=user, effect=AccessEffect.DENY).values("application")
    rows = Application.objects.filter(Q(pk__in=refused) | applied_by(own))
    hidden = list(rows.values_list("pk", flat=True))
    if not hidden:
        return set()
    said = [str(pk) for pk in hidden]
    now = Decision.objects.filter(application__in=hidden).values_list("decision_list", flat=True)
    taken_out = JournalEntry.objects.filter(action="decision_list.decision_removed", data__application__in=said)
    once_held = (chain.partition(":")[2] for chain in taken_out.values_list("chain", flat=True))
    return {*map(str, now), *once_held}


def is_juror(user: Any) -> bool:
    """Whether the pages of a juror open to this person at all; once per request."""
    return once(user, "jury.is_juror", lambda: seats_of(user).exists()) if _signed_in(user) else False


def follows_juries(user: Any) -> bool:
    """Whether the person presides a jury or follows some for the ministry; once per request."""
    if not _signed_in(user):
        return False
    return once(user, "jury.follows", lambda: bool(reader_scope(user)) or chaired(user).exists())

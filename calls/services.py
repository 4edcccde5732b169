"""Mandates, and the choice of the call that the site shows."""

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Subquery

from accounts.models import User
from calls.enums import MandateRole
from calls.models import Axis, AxisTerms, Call, Mandate, Question, RulesVersion, Session
from core.errors import Refused
from core.journal import record


def published_calls(at: datetime) -> QuerySet[Call]:
    """The calls that a visitor may read at ``at``, the latest first."""
    return Call.objects.filter(published_at__lte=at).order_by("-opens_at", "id")


def current_call(at: datetime, code: str = "") -> Call | None:
    """The call named ``code``; else the latest in which one may file at ``at``, else the latest whose rules are in force,
    else the latest published: a call to come never hides the one that runs."""
    calls = published_calls(at)
    named = calls.filter(code=code).first() if code and "\x00" not in code else None
    if named is not None:
        return named
    filed = Exists(Session.objects.filter(axis__call=OuterRef("pk"), opens_at__lte=at, closes_at__gt=at))
    ruled = Exists(RulesVersion.objects.filter(call=OuterRef("pk"), effective_at__lte=at))
    return calls.annotate(filed=filed, ruled=ruled).order_by("-filed", "-ruled", "-opens_at", "id").first()


def open_sessions(call: Call, at: datetime) -> QuerySet[Session]:
    """The sessions of a call in which one may file at ``at``, by axis then closing; of axes whose terms are in force."""
    current = RulesVersion.objects.filter(call=call, effective_at__lte=at).order_by("-effective_at")
    terms = AxisTerms.objects.filter(axis=OuterRef("axis"), rules_version=Subquery(current.values("pk")[:1]))
    return (
        Session.objects.filter(Exists(terms), axis__call=call, opens_at__lte=at, closes_at__gt=at)
        .select_related("axis")
        .order_by("axis__position", "closes_at", "id")
    )


@transaction.atomic
def copy_questions(*, version: RulesVersion, at: datetime, actor: User | None) -> int:
    """Gives a new version the questions of the one before it, for the axes that it has terms for. Returns how many."""
    before = RulesVersion.objects.filter(call=version.call_id, effective_at__lt=version.effective_at)
    previous = before.order_by("-effective_at").first()
    if previous is None:
        return 0
    kept = previous.questions.filter(axis__in=version.terms.values("axis")).order_by("axis", "position", "pk")
    rows = list(kept)
    for row in rows:
        row.pk, row.rules_version = None, version
        row._state.adding = True
    Question.objects.bulk_create(rows)
    record(
        chain=f"call:{version.call.code}",
        action="call.questions_copied",
        at=at,
        actor=actor,
        data={"from_version": previous.number, "to_version": version.number, "count": len(rows)},
    )
    return len(rows)


def grant_mandate(
    *,
    user: User,
    call: Call,
    role: MandateRole,
    at: datetime,
    appointed_by: User | None,
    axis: Axis | None = None,
    departement_code: str = "",
    region_code: str = "",
    organisation_name: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> Mandate:
    """Let a person act in a role; from then on they sign in with a second factor. Refused for another call's axis."""
    if axis is not None and axis.call_id != call.pk:
        raise Refused("Cet axe n’est pas celui de l’appel.", field="axis")
    start = starts_at or at
    if ends_at is not None and ends_at <= start:
        raise Refused("La fin du mandat doit suivre son début.", field="ends_at")
    with transaction.atomic():
        mandate = Mandate.objects.create(
            user=user,
            call=call,
            axis=axis,
            role=role,
            departement_code=departement_code,
            region_code=region_code,
            organisation_name=organisation_name,
            starts_at=start,
            ends_at=ends_at,
            appointed_by=appointed_by,
        )
        user.requires_second_factor = True
        User.objects.filter(pk=user.pk).update(requires_second_factor=True)
        if role == MandateRole.ADMINISTRATOR:
            # The door of the administration; what is behind it is asked of the mandate each time.
            user.is_staff = True
            User.objects.filter(pk=user.pk).update(is_staff=True)
        _journal(mandate, "mandate.granted", appointed_by, at)
    return mandate


def end_mandate(*, mandate_id: int, by: User | None, at: datetime, reason: str = "") -> Mandate:
    """End a mandate at ``at``: it gives no right from the next request on. The second factor stays required.

    One that has not begun is cancelled: it ends as it starts, so it never gives a right.
    """
    with transaction.atomic():
        mandate = Mandate.objects.select_for_update(of=("self",)).select_related("call").get(pk=mandate_id)
        end = max(at, mandate.starts_at)
        if mandate.ends_at is not None and mandate.ends_at <= end:
            raise Refused("Ce mandat est déjà terminé.")
        mandate.ends_at = end
        mandate.save(update_fields=["ends_at"])
        _journal(mandate, "mandate.cancelled" if mandate.is_cancelled else "mandate.ended", by, at, reason=reason)
    return mandate


def _journal(mandate: Mandate, action: str, actor: User | None, at: datetime, *, reason: str = "") -> None:
    record(
        chain=f"call:{mandate.call.code}",
        action=action,
        at=at,
        actor=actor,
        reason=reason,
        data={
            "mandate": mandate.pk,
            "person": mandate.user_id,
            "role": mandate.role,
            "axis": mandate.axis_id,
            "departement": mandate.departement_code,
            "region": mandate.region_code,
        },
    )

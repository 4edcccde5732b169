"""Mandates, the choice of the call that the site shows, and what a version of its rules takes up from the one before."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.urls import reverse

from accounts.models import User
from calls.enums import MandateRole
from calls.models import Axis, Call, EligibilityRule, Mandate, Question, RulesVersion, Session
from calls.offers import offered_sessions
from core.errors import Refused
from core.journal import record
from core.mail import queue_mail
from core.templatetags.guichet import paris_date


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
    filed = Exists(offered_sessions(at).filter(axis__call=OuterRef("pk")))
    ruled = Exists(RulesVersion.objects.filter(call=OuterRef("pk"), effective_at__lte=at))
    return calls.annotate(filed=filed, ruled=ruled).order_by("-filed", "-ruled", "-opens_at", "id").first()


def running_calls(at: datetime) -> QuerySet[Call]:
    """The published calls in which one may still file, today or later, the latest first."""
    coming = Session.objects.filter(axis__call=OuterRef("pk"), closes_at__gt=at)
    return published_calls(at).filter(Q(opens_at__gt=at) | Exists(coming))


def open_sessions(call: Call, at: datetime) -> QuerySet[Session]:
    """The sessions of a call in which one may file at ``at``, by axis then closing; of axes whose terms are in force."""
    rows = offered_sessions(at).filter(axis__call=call).select_related("axis")
    return rows.order_by("axis__position", "closes_at", "id")


def previous_version(version: RulesVersion) -> RulesVersion | None:
    """The version that ``version``, written or about to be, takes over from; None when it is the first of its call."""
    before = RulesVersion.objects.filter(call=version.call_id, effective_at__lt=version.effective_at)
    return before.order_by("-effective_at").first()


def copy_questions(*, version: RulesVersion, at: datetime, actor: User | None) -> int:
    """Gives a new version the questions of the one before it, for the axes that it has terms for. Returns how many."""
    return _take_up(Question, version, version.terms.values("axis"), "call.questions_copied", at, actor)


def copy_rules(*, version: RulesVersion, at: datetime, actor: User | None) -> int:
    """Gives a new version the rules of the one before it, for the axes with terms and no rule yet. Returns how many."""
    silent = version.terms.exclude(axis__in=version.eligibility_rules.values("axis"))
    return _take_up(EligibilityRule, version, silent.values("axis"), "call.rules_copied", at, actor)


@transaction.atomic
def _take_up(
    model: type[Question] | type[EligibilityRule],
    version: RulesVersion,
    axes: Any,
    action: str,
    at: datetime,
    actor: User | None,
) -> int:
    previous = previous_version(version)
    kept: QuerySet[Any] = model._default_manager.filter(rules_version=previous, axis__in=axes).order_by(
        "axis", "position", "pk"
    )
    rows = list(kept) if previous is not None else []
    if previous is None or not rows:
        return 0
    for row in rows:
        row.pk, row.rules_version = None, version
        row._state.adding = True
    model._default_manager.bulk_create(rows)
    record(
        chain=f"call:{version.call.code}",
        action=action,
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
        if appointed_by is not None:
            _tell(mandate, "granted")
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
        if by is not None and by.pk != mandate.user_id:
            _tell(mandate, "ended")
    return mandate


def _tell(mandate: Mandate, what: str) -> None:
    """Mail the person that a right was given to them, or taken: nobody holds one without knowing. ``what``: granted or
    ended."""
    is_end = what == "ended"
    day = mandate.ends_at if is_end else mandate.starts_at
    queue_mail(
        to=[mandate.user.email],
        subject=f"{'Fin de votre mandat' if is_end else 'Un mandat vous est confié'}\u00a0: {mandate.get_role_display()}",
        template="emails/calls/mandate.txt",
        context={
            "ended": is_end,
            "cancelled": is_end and mandate.is_cancelled,
            "role": mandate.get_role_display(),
            "day": paris_date(day),
            "until": paris_date(mandate.ends_at) if mandate.ends_at else "",
            "call": mandate.call.title,
            "axis": mandate.axis.title if mandate.axis else "",
            "place": _place(mandate),
            "contact": mandate.call.contact_email,
            "path": reverse("account_login"),
        },
        dedupe_key=f"mandate:{mandate.pk}:{what}",
    )


def _place(mandate: Mandate) -> str:
    """« département 38, région 84 »; empty for the whole country."""
    named = (("département", mandate.departement_code), ("région", mandate.region_code))
    return ", ".join(f"{word} {code}" for word, code in named if code)


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

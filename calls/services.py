"""Mandates, and the choice of the call that the site shows."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from calls.enums import MandateRole
from calls.models import Axis, Call, Mandate, Session
from core.errors import Refused
from core.journal import record


def published_calls(at: datetime) -> QuerySet[Call]:
    """The calls that a visitor may read at ``at``, the latest first."""
    return Call.objects.filter(published_at__lte=at).order_by("-opens_at", "id")


def open_sessions(call: Call, at: datetime) -> QuerySet[Session]:
    """The sessions of a call in which one may file at ``at``, by axis then closing."""
    return (
        Session.objects.filter(axis__call=call, opens_at__lte=at, closes_at__gt=at)
        .select_related("axis")
        .order_by("axis__position", "closes_at", "id")
    )


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

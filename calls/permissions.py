"""Who may act on which call, axis and territory: read from mandates at each request."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from calls.enums import MandateRole
from calls.models import Axis, Call, Mandate
from calls.querysets import MandateQuerySet
from territories.enums import TerritoryKind
from territories.models import Territory


def mandates_of(user: Any, at: datetime) -> MandateQuerySet:
    """The mandates of a person in force at ``at``; none for whoever is not signed in or no longer active."""
    if not user.is_authenticated or not user.is_active:
        return Mandate.objects.none()
    return Mandate.objects.filter(user=user).current(at)


@dataclass(frozen=True)
class Reach:
    """What one mandate covers. ``axis_id`` None: every axis of the call; ``departements`` None: all of France."""

    call_id: int
    axis_id: int | None
    departements: frozenset[str] | None
    role: str

    def covers(self, axis: Axis | None, call: Call | None, departement: str) -> bool:
        if axis is not None and (axis.call_id != self.call_id or self.axis_id not in (None, axis.pk)):
            return False
        if call is not None and call.pk != self.call_id:
            return False
        return not departement or self.departements is None or departement in self.departements


@dataclass(frozen=True)
class Scope:
    """All that a person's mandates of some roles cover, for filtering lists."""

    reaches: tuple[Reach, ...]

    def __bool__(self) -> bool:
        return bool(self.reaches)

    def as_q(self, *, call: str, axis: str, departement: str) -> Q:
        """A filter from the names of the three columns (« call_id », « axis_id », « departement_code »).

        Without any mandate it lets nothing through.
        """
        allowed = Q(pk__in=[])
        for reach in self.reaches:
            one = Q(**{call: reach.call_id})
            if reach.axis_id is not None:
                one &= Q(**{axis: reach.axis_id})
            if reach.departements is not None:
                one &= Q(**{f"{departement}__in": sorted(reach.departements)})
            allowed |= one
        return allowed

    def covers(self, *, axis: Axis | None = None, call: Call | None = None, departement: str = "") -> bool:
        """Whether one mandate covers this axis and département (empty: any)."""
        return any(reach.covers(axis, call, departement) for reach in self.reaches)

    def departements(self) -> frozenset[str] | None:
        """The départements covered by at least one mandate; None: all of France."""
        found: set[str] = set()
        for reach in self.reaches:
            if reach.departements is None:
                return None
            found |= reach.departements
        return frozenset(found)


def territory_scope(user: Any, roles: Iterable[MandateRole], at: datetime) -> Scope:
    """What the person's mandates of these roles cover at ``at``. One query, two if a mandate covers a région."""
    rows = list(mandates_of(user, at).filter(role__in=list(roles)))
    by_region = _departements_by_region({row.region_code for row in rows if row.region_code})
    return Scope(tuple(_reach(row, by_region) for row in rows))


def has_mandate(
    user: Any,
    roles: Iterable[MandateRole],
    *,
    axis: Axis | None = None,
    call: Call | None = None,
    departement: str = "",
    at: datetime,
) -> bool:
    """Whether one current mandate of these roles covers the axis (or call) and the département, where given."""
    return territory_scope(user, roles, at).covers(axis=axis, call=call, departement=departement)


def _reach(row: Mandate, by_region: dict[str, frozenset[str]]) -> Reach:
    departements: frozenset[str] | None = None
    if row.departement_code:
        departements = frozenset({row.departement_code})
    elif row.region_code:
        # A région that no vintage knows covers nothing: closed by default.
        departements = by_region.get(row.region_code, frozenset())
    return Reach(row.call_id, row.axis_id, departements, row.role)


def _departements_by_region(regions: set[str]) -> dict[str, frozenset[str]]:
    if not regions:
        return {}
    pairs = (
        Territory.objects.filter(kind=TerritoryKind.DEPARTEMENT, region_code__in=regions)
        .order_by()
        .values_list("region_code", "code")
        .distinct()
    )
    found: dict[str, set[str]] = {}
    for region, departement in pairs:
        found.setdefault(region, set()).add(departement)
    return {region: frozenset(codes) for region, codes in found.items()}

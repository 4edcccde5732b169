"""What the visitor's pages show of a call, gathered in a constant number of queries."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.db.models import Q

from calls.eligibility.rules import NBSP, build
from calls.models import Axis, AxisTerms, Call, EligibilityRule, RulesVersion, Session, Theme
from calls.offers import has_terms


@dataclass
class AxisSheet:
    """An axis as a visitor reads it, under the version of the rules in force."""

    axis: Axis
    terms: AxisTerms | None = None
    conditions: list[str] = field(default_factory=list)
    themes: list[Theme] = field(default_factory=list)
    open_sessions: list[Session] = field(default_factory=list)
    next_session: Session | None = None
    past_sessions: list[Session] = field(default_factory=list)


@dataclass
class CallCard:
    """A call in the list of calls: what is open in it today, or opens next."""

    call: Call
    amount: str
    open_sessions: list[Session] = field(default_factory=list)
    next_session: Session | None = None


@dataclass
class VersionSheet:
    """One version of the rules, with the conditions and terms of each axis."""

    version: RulesVersion
    is_current: bool
    is_future: bool
    rows: list[tuple[Axis, AxisTerms | None, list[str]]]

    @property
    def caption(self) -> str:
        """Names the table of this version: each region of a page has its own name."""
        return f"Conditions par axe, version {self.version.number}"


def millions(amount: Decimal | None) -> str:
    """« 88 millions d’euros » for a round amount in millions; empty when unknown."""
    if amount is None:
        return ""
    value = amount / Decimal(1_000_000)
    text = f"{value.normalize():f}".replace(".", ",")
    return f"{text}{NBSP}million{'s' if value >= 2 else ''} d’euros"


def call_cards(calls: Iterable[Call], at: datetime) -> list[CallCard]:
    """The calls with their sessions open at ``at`` and the next to open, in two queries whatever their number.

    A session whose axis has no terms in the rules in force is not open: nobody could file in it.
    """
    cards = {call.pk: CallCard(call, millions(call.announced_amount)) for call in calls}
    coming = Session.objects.filter(axis__call__in=cards, closes_at__gt=at).select_related("axis")
    coming = coming.filter(Q(opens_at__gt=at) | has_terms(at))
    for session in coming.order_by("opens_at", "axis__position", "id"):
        card = cards[session.axis.call_id]
        if session.opens_at <= at:
            card.open_sessions.append(session)
        elif card.next_session is None:
            card.next_session = session
    return list(cards.values())


def current_version(versions: list[RulesVersion], at: datetime) -> RulesVersion | None:
    """The version in force at ``at`` among versions in order; None before the first."""
    in_force = [version for version in versions if version.effective_at <= at]
    return in_force[-1] if in_force else None


def axis_sheets(call: Call, at: datetime) -> tuple[list[AxisSheet], list[VersionSheet]]:
    """The axes of a call and the history of its rules at ``at``, in six queries whatever their number."""
    axes = list(call.axes.select_related("funded_from").order_by("position"))
    versions = list(call.rules_versions.order_by("effective_at"))
    current = current_version(versions, at)
    terms = {(row.rules_version_id, row.axis_id): row for row in AxisTerms.objects.filter(rules_version__call=call)}
    conditions = _conditions(versions)
    sheets = {axis.pk: AxisSheet(axis) for axis in axes}
    for theme in Theme.objects.filter(axis__call=call).order_by("axis_id", "id"):
        sheets[theme.axis_id].themes.append(theme)
    for session in Session.objects.filter(axis__call=call).order_by("opens_at", "id"):
        _place(sheets[session.axis_id], session, at)
    for sheet in sheets.values():
        if current is not None:
            sheet.terms = terms.get((current.pk, sheet.axis.pk))
            sheet.conditions = conditions.get((current.pk, sheet.axis.pk), [])
        if sheet.terms is None:
            # Nobody could file in them: the rules in force do not say what the axis pays.
            sheet.open_sessions = []
    history = [
        VersionSheet(
            version,
            version == current,
            version.effective_at > at,
            [(axis, terms.get((version.pk, axis.pk)), conditions.get((version.pk, axis.pk), [])) for axis in axes],
        )
        for version in versions
    ]
    return list(sheets.values()), history


def _conditions(versions: list[RulesVersion]) -> dict[tuple[int, int], list[str]]:
    found: dict[tuple[int, int], list[str]] = {}
    if versions:
        rules = EligibilityRule.objects.filter(rules_version__in=versions)
        for rule in rules.order_by("rules_version_id", "axis_id", "position"):
            sentence = build(rule.kind, rule.parameters).describe()
            found.setdefault((rule.rules_version_id, rule.axis_id), []).append(sentence)
    return found


def _place(sheet: AxisSheet, session: Session, at: datetime) -> None:
    if session.closes_at <= at:
        sheet.past_sessions.append(session)
    elif session.opens_at <= at:
        sheet.open_sessions.append(session)
    elif sheet.next_session is None:
        sheet.next_session = session

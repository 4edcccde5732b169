"""In which sessions one may file: those of an axis of which the rules in force say what it pays."""

from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from calls.models import AxisTerms, RulesVersion, Session


def has_terms(at: datetime) -> Exists:
    """Condition on sessions: the version of the rules in force at ``at`` has terms for their axis."""
    versions = RulesVersion.objects.filter(call=OuterRef("axis__call"), effective_at__lte=at)
    in_force = Subquery(versions.order_by("-effective_at").values("pk")[:1])
    return Exists(AxisTerms.objects.filter(axis=OuterRef("axis"), rules_version=in_force))


def offered_sessions(at: datetime) -> QuerySet[Session]:
    """The sessions in which one may file at ``at``, whatever the call."""
    return Session.objects.filter(has_terms(at), opens_at__lte=at, closes_at__gt=at)

"""The rules with which a dossier is judged: those in force while it is a draft, those of its filing afterwards."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from applications.enums import ApplicationState
from applications.models import Application, Beneficiary, EligibilityRecord
from calls.eligibility import AxisVerdict, Candidate, candidate_of, evaluate, rules_version_at
from calls.enums import RuleKind, Verdict
from calls.models import Axis, AxisTerms, Call, Question, RulesVersion
from core.errors import Refused
from territories.models import Grouping, Organisation

# A request that ended without aid does not stand in the way of another one.
WITHOUT_AID = (
    ApplicationState.WITHDRAWN,
    ApplicationState.INADMISSIBLE,
    ApplicationState.REFUSED,
    ApplicationState.REDIRECTED,
    ApplicationState.DEFERRED,
)


def rules_of(application: Application, at: datetime) -> RulesVersion:
    """The version in force at ``at`` for a draft; afterwards the one under which the dossier was filed."""
    if application.submitted_at is None or application.rules_version is None:
        return rules_version_at(application.call, at)
    return application.rules_version


def terms_of(application: Application, rules: RulesVersion) -> AxisTerms:
    """The money terms of the dossier's axis in this version. Refused when the version has none."""
    terms = AxisTerms.objects.filter(rules_version=rules, axis_id=application.axis_id).first()
    if terms is None:
        raise Refused("Les conditions financières de cet axe ne sont pas publiées.")
    return terms


def questions_of(application: Application, rules: RulesVersion) -> list[Question]:
    """The questions of the dossier's axis in this version, in order."""
    return list(Question.objects.filter(rules_version=rules, axis_id=application.axis_id).order_by("position"))


def answers_by_code(application: Application) -> dict[str, str]:
    """What was answered, by code of question: an answer outlives a change of the rules that keeps its question."""
    rows = application.answers.select_related("question").order_by("question__rules_version__number")
    return {row.question.code: row.value for row in rows}


def asks_prior_authorisation(application: Application, rules: RulesVersion) -> bool:
    """Whether a rule of the axis asks for an authorisation obtained beforehand."""
    return rules.eligibility_rules.filter(axis_id=application.axis_id, kind=RuleKind.PRIOR_AUTHORISATION).exists()


def is_once_per_organisation(axis: Axis, rules: RulesVersion) -> bool:
    """Whether the axis serves an organisation only once (the flat-rate pack)."""
    return rules.eligibility_rules.filter(axis=axis, kind=RuleKind.ONE_PER_ORGANISATION).exists()


def prior_requests(
    *, call: Call, organisations: Iterable[Organisation], excluding: Application | None = None
) -> dict[str, int]:
    """Requests already filed on each axis of the call by any of the organisations, not ended without aid nor refused by
    a rule: nobody stands in the way of another by naming them in a request that cannot succeed.

    Whoever a grouping's request benefits has asked too, whatever its lead.
    """
    asking = list(organisations)
    members = Grouping.members.through.objects.filter(organisation__in=asking)
    benefits = Beneficiary.objects.filter(organisation__in=asking, application=OuterRef("pk"))
    theirs = Q(organisation__in=asking) | Q(grouping__in=members.values("grouping")) | Q(Exists(benefits))
    latest = EligibilityRecord.objects.filter(application=OuterRef("pk")).order_by("-evaluated_at", "-id")
    rows = Application.objects.submitted().filter(theirs, call=call).exclude(state__in=WITHOUT_AID)
    rows = rows.annotate(judged=Coalesce(Subquery(latest.values("verdict")[:1]), Value("")))
    rows = rows.exclude(judged=Verdict.NOT_ELIGIBLE)
    if excluding is not None:
        rows = rows.exclude(pk=excluding.pk)
    counted = rows.order_by().values("axis__code").annotate(filed=Count("pk"))
    return {row["axis__code"]: row["filed"] for row in counted}


def candidate_for(
    *,
    call: Call,
    organisation: Organisation,
    grouping: Grouping | None,
    prior_authorisation: bool | None = None,
    excluding: Application | None = None,
    is_page: bool = False,
) -> Candidate:
    """Who asks, with what only this room knows: the requests already filed.

    On a page, those of a grouping stay unknown until it files: naming an authority would tell whether it has asked.
    """
    authorities = list(grouping.members.all()) if grouping else [organisation]
    known = None
    if not (is_page and grouping):
        known = prior_requests(call=call, organisations=authorities, excluding=excluding)
    return candidate_of(authorities, prior_requests=known, prior_authorisation=prior_authorisation)


def evaluate_application(application: Application, at: datetime, *, is_page: bool = False) -> AxisVerdict:
    """The verdict of each rule for this dossier at ``at``: as it would be filed, or as a page may show it."""
    candidate = candidate_for(
        call=application.call,
        organisation=application.organisation,
        grouping=application.grouping,
        prior_authorisation=application.has_prior_authorisation,
        excluding=application,
        is_page=is_page,
    )
    return evaluate(axis=application.axis, on=at, candidate=candidate)

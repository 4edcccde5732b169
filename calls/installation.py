"""Installs a call described as data. Installed again, it changes nothing that exists."""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone
from django.utils.formats import date_format

from calls.data import transformation_numerique as data
from calls.data.grid import CRITERIA
from calls.data.questions import QUESTIONS
from calls.models import (
    Axis,
    AxisTerms,
    Call,
    Criterion,
    EligibilityRule,
    Question,
    RulesVersion,
    ScoringGrid,
    Session,
    Theme,
)
from core.journal import record
from territories.models import Vintage
from territories.sirets import fictitious_siren, fictitious_siret

DEMONSTRATION_DAYS_BEFORE = 30
DEMONSTRATION_DAYS_AFTER = 150


class VintageMissing(Exception):
    """The call names a vintage of territories that is not loaded."""


def vintages_of_call() -> list[int]:
    """The vintages that the versions of the call use."""
    return sorted({version.vintage for version in data.VERSIONS})


def install_call(at: datetime, *, code: str = data.CODE, title: str = "") -> Call:
    """The call of 88 M€ with its axes, versions, sessions, questions and grids, created where missing.

    Another ``code`` (and ``title``) installs another edition of it, with its own axes and sessions.
    One further session per axis is open at ``at``. Raises VintageMissing unless the territories are loaded.
    """
    missing = set(vintages_of_call()) - set(Vintage.objects.values_list("year", flat=True))
    if missing:
        raise VintageMissing(f"Millésimes de territoires non chargés : {sorted(missing)}.")
    with transaction.atomic():
        siret = fictitious_siret(fictitious_siren(data.CODE))
        described = {**data.CALL, "steward_siret": siret, **({"title": title} if title else {})}
        call, created = Call.objects.get_or_create(code=code, defaults=described)
        axes = _install_axes(call)
        for version in data.VERSIONS:
            _install_version(call, axes, version)
        for axis in axes.values():
            _install_grid(axis)
        _install_sessions(axes, at)
        if created:
            record(chain=f"call:{call.code}", action="call.installed", at=at, actor=None, data={"call": call.pk})
    return call


def _install_axes(call: Call) -> dict[str, Axis]:
    axes: dict[str, Axis] = {}
    for position, item in enumerate(data.AXES, start=1):
        axes[item.code], _ = Axis.objects.get_or_create(
            call=call,
            code=item.code,
            defaults={
                "position": position,
                "title": item.title,
                "summary": item.summary,
                "steward": item.steward,
                "rhythm": item.rhythm,
                "is_territorial": item.is_territorial,
                "announced_amount": item.announced_amount,
                "announced_note": item.announced_note,
                "funded_from": axes.get(item.funded_from),
            },
        )
    themes = [Theme(axis=axes[item.code], code=code, label=label) for item in data.AXES for code, label in item.themes]
    # A theme already there keeps its label.
    Theme.objects.bulk_create(themes, ignore_conflicts=True)
    return axes


def _install_version(call: Call, axes: dict[str, Axis], item: data.VersionData) -> None:
    """A version already there is left as it is: dossiers may have been judged by it."""
    version, created = RulesVersion.objects.get_or_create(
        call=call,
        number=item.number,
        defaults={"effective_at": item.effective_at, "vintage_id": item.vintage, "note": item.note},
    )
    if not created:
        return
    AxisTerms.objects.bulk_create(
        AxisTerms(rules_version=version, axis=axis, **data.terms_of(axis.code, item)) for axis in axes.values()
    )
    rules = [
        EligibilityRule(
            rules_version=version, axis=axis, position=position, kind=kind, parameters=parameters, source=source
        )
        for axis in axes.values()
        for position, (kind, parameters, source) in enumerate(data.rules_of(axis.code, item), start=1)
    ]
    for rule in rules:
        rule.clean()
    EligibilityRule.objects.bulk_create(rules)
    Question.objects.bulk_create(
        Question(
            rules_version=version,
            axis=axes[code],
            position=position,
            code=question.code,
            label=question.label,
            help_text=question.help_text,
            kind=question.kind,
            choices=list(question.choices),
            is_required=question.is_required,
            max_length=question.max_length,
        )
        for position, question in enumerate(QUESTIONS, start=1)
        for code in question.axes
    )


def _install_grid(axis: Axis) -> None:
    grid, created = ScoringGrid.objects.get_or_create(axis=axis, version=1)
    if not created:
        return
    Criterion.objects.bulk_create(
        Criterion(
            grid=grid,
            code=criterion.code,
            position=position,
            label=criterion.label,
            weight=criterion.weight,
            descriptors=list(criterion.descriptors),
        )
        for position, criterion in enumerate(CRITERIA, start=1)
    )


def _install_sessions(axes: dict[str, Axis], at: datetime) -> None:
    for item in data.SESSIONS:
        Session.objects.get_or_create(
            axis=axes[item.axis],
            code=item.code,
            defaults={"title": item.title, "opens_at": item.opens_at, "closes_at": item.closes_at},
        )
    for axis in axes.values():
        if not axis.sessions.filter(is_demonstration=True, opens_at__lte=at, closes_at__gt=at).exists():
            _open_demonstration(axis, at)


def _open_demonstration(axis: Axis, at: datetime) -> None:
    midnight = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    closes_at = (midnight + timedelta(days=DEMONSTRATION_DAYS_AFTER)).replace(hour=12)
    Session.objects.get_or_create(
        axis=axis,
        code=f"demonstration-{midnight:%Y-%m-%d}",
        defaults={
            "title": f"Relève de démonstration, {date_format(midnight, 'F Y')}",
            "opens_at": midnight - timedelta(days=DEMONSTRATION_DAYS_BEFORE),
            "closes_at": closes_at,
            "is_demonstration": True,
        },
    )

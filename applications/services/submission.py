"""Filing a dossier, and taking it back."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from applications import notifications
from applications.clocks import add_months
from applications.completeness import assessment_of, missing_items
from applications.content import content_sha256
from applications.enums import ApplicationState, SwornAs
from applications.models import Acknowledgement, Answer, Application
from applications.receipt import statement_of
from applications.rules import evaluate_application, is_once_per_organisation, questions_of, rules_of
from applications.services.base import authorise, keep_sole_beneficiary, keep_verdict, lock, move, one_filing_at_a_time
from applications.workflow import WORKFLOW
from calls.eligibility import AxisVerdict
from calls.enums import RuleKind, RuleVerdict
from calls.models import Call, RulesVersion
from core import outbox
from core.errors import Refused
from core.idempotency import idempotent
from core.money import amount_text
from core.series import take_number
from core.templatetags.guichet import paris_datetime
from territories.enums import AffiliationRole
from territories.models import Affiliation

CHANGED = (
    "Le dossier a été modifié ailleurs (dans un autre onglet, ou par un collègue) depuis que vous avez ouvert cette page. "
    "Le voici tel qu’il est enregistré\u00a0: relisez-le, puis déposez-le."
)
NOT_REPRESENTATIVE = (
    "Votre rattachement n’est pas celui d’un représentant légal\u00a0: déposez comme personne mandatée, ou demandez "
    "d’abord ce rattachement dans « Ma collectivité »."
)
ONLY_DIGITS = re.compile(r"\d+")


@transaction.atomic
def submit_application(
    *,
    application: Application,
    user: User,
    at: datetime,
    key: str,
    sworn_as: str = SwornAs.MANDATED.value,
    shown: str | None = None,
) -> Application:
    """Files the dossier: checks everything, freezes the rules it is judged with, draws its number, acknowledges.

    ``key`` comes with the form: sent twice it answers twice the same. ``sworn_as``: the statement is made by the
    legal representative or by the person they mandated (arrêté du 21 août 2018). ``shown``: the SHA-256 of what they
    read, where a page showed it. Refused outside the session, when the dossier is not what was shown
    (``data["shown"]``), while something is missing (``data["missing"]``), or when the organisation already has the
    only aid it may ask for.
    """
    if sworn_as not in SwornAs.values:
        raise Refused("Dites à quel titre vous attestez.", field="sworn_as")
    content = {"application": str(application.pk), "sworn_as": sworn_as}
    with idempotent(key=key, act="application.submit", actor=user, content=content) as command:
        if command.is_replay:
            return Application.objects.get(pk=command.answer["application"])
        locked = lock(application)
        authorise(locked, user, "submit", at)
        _refuse_second_filing(locked)
        WORKFLOW.check(locked, "submit", at)
        _refuse_unread(locked, shown)
        if sworn_as == SwornAs.REPRESENTATIVE and not _represents(user, locked, at):
            raise Refused(NOT_REPRESENTATIVE, field="sworn_as")
        rules = rules_of(locked, at)
        _refuse_incomplete(locked, at)
        verdict = _evaluate(locked, rules, at)
        _file(locked, rules, verdict, user=user, at=at, sworn_as=sworn_as)
        command.answer = {"application": str(locked.pk), "number": locked.number}
        return locked


def _refuse_second_filing(application: Application) -> None:
    if application.submitted_at is not None:
        raise Refused(
            f"Ce dossier est déjà déposé sous le numéro {application.number}, "
            f"le {paris_datetime(application.submitted_at)}. Vous n’avez rien d’autre à faire.",
            data={"number": application.number},
        )


def _refuse_unread(application: Application, shown: str | None) -> None:
    """Nobody swears to what a colleague changed since they read it."""
    content = content_sha256(application)
    if shown is not None and shown != content:
        raise Refused(CHANGED, data={"shown": content})


def _refuse_incomplete(application: Application, at: datetime) -> None:
    missing = missing_items(application, at)
    if missing:
        count = len(missing)
        sentence = "Il reste un point à compléter" if count == 1 else f"Il reste {count} points à compléter"
        labels = [{"label": gap.label, "url": gap.url} for gap in missing]
        raise Refused(f"{sentence} avant de déposer votre dossier.", data={"missing": labels})


def _evaluate(application: Application, rules: RulesVersion, at: datetime) -> AxisVerdict:
    """The verdict at the instant of filing; one aid per organisation is settled here, one filing at a time."""
    once = is_once_per_organisation(application.axis, rules)
    if once:
        one_filing_at_a_time(application)
    verdict = evaluate_application(application, at)
    already = [
        rule
        for rule in verdict.rules
        if rule.code == RuleKind.ONE_PER_ORGANISATION and rule.verdict == RuleVerdict.FAILED
    ]
    if already:
        raise Refused(already[0].message)
    return verdict


def _represents(user: User, application: Application, at: datetime) -> bool:
    rows = Affiliation.objects.filter(user=user, organisation_id=application.organisation_id)
    return rows.filter(role=AffiliationRole.LEGAL_REPRESENTATIVE).current(at).exists()


def _file(
    application: Application, rules: RulesVersion, verdict: AxisVerdict, *, user: User, at: datetime, sworn_as: str
) -> None:
    plan = assessment_of(application, at)
    _carry_answers(application, rules)
    keep_sole_beneficiary(application, plan.requested or Decimal(0))
    keep_verdict(application, rules, verdict, at)
    application.rules_version = rules
    application.vintage_id = verdict.vintage
    application.population = verdict.population.total
    application.sworn_at, application.sworn_by = at, user
    application.submitted_at, application.submitted_by = at, user
    application.completeness_due_at = add_months(at, application.call.completeness_months)
    application.decision_due_at = add_months(at, application.call.decision_months)
    # The series is one row for all who file: drawn last, it is held the shortest time.
    application.number = _number(application.call, at)
    Acknowledgement.objects.create(
        application=application, number=application.number, received_at=at, statement=statement_of(application, at)
    )
    move(
        application,
        "submit",
        user=user,
        at=at,
        data={
            "number": application.number,
            "amount_requested": amount_text(plan.requested or plan.total_cost * 0),
            "total_cost": amount_text(plan.total_cost),
            "eligible_cost": amount_text(plan.eligible_cost),
            "rules_version": rules.number,
            "vintage": verdict.vintage,
            "population": verdict.population.total,
            "verdict": verdict.verdict.value,
            "sworn_as": sworn_as,
            "content_sha256": content_sha256(application),
        },
        changed=FROZEN,
    )
    outbox.enqueue(
        kind="applications.acknowledge",
        payload={"application": str(application.pk)},
        dedupe_key=f"acknowledge:{application.pk}",
    )


FROZEN = (
    "rules_version",
    "vintage",
    "population",
    "sworn_at",
    "sworn_by",
    "submitted_at",
    "submitted_by",
    "completeness_due_at",
    "decision_due_at",
    "number",
)


def _carry_answers(application: Application, rules: RulesVersion) -> None:
    """Answers given under an earlier version of the rules, for questions that the new one keeps."""
    wanted = {question.code: question for question in questions_of(application, rules)}
    rows: list[Any] = list(application.answers.select_related("question").order_by("question__rules_version__number"))
    present = {row.question_id for row in rows}
    latest = {row.question.code: row.value for row in rows}
    Answer.objects.bulk_create(
        Answer(application=application, question=question, value=latest[code])
        for code, question in wanted.items()
        if question.pk not in present and code in latest
    )


def _number(call: Call, at: datetime) -> str:
    """« TNC-2021-00042 »: initials of the call's code, year in Paris, rank without gap among the calls of these initials."""
    start = f"{number_prefix(call.code)}-{timezone.localtime(at).year}"
    return f"{start}-{take_number(f'application:{start}'):05d}"


def number_prefix(code: str) -> str:
    """« transformation-numerique-collectivites-2021 » gives TNC, « tnct-2021 » gives TNCT."""
    words = [word for word in code.split("-") if word and not ONLY_DIGITS.fullmatch(word)]
    if not words:
        return "DOS"
    return (words[0] if len(words) == 1 else "".join(word[0] for word in words)).upper()[:8]


@transaction.atomic
def withdraw(*, application: Application, user: User, at: datetime, reason: str = "") -> Application:
    """The applicant takes the dossier back, before any decision or while it waits on the list. Refused afterwards."""
    locked = lock(application)
    authorise(locked, user, "withdraw", at)
    WORKFLOW.check(locked, "withdraw", at)
    was_draft = locked.state == ApplicationState.DRAFT
    move(locked, "withdraw", user=user, at=at, reason=reason.strip())
    if not was_draft:
        notifications.withdrawn(locked, at)
    return locked

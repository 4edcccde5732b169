"""What the service does with a filed dossier, and what the applicant answers."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from accounts.models import User
from applications import notifications
from applications.clocks import postponed
from applications.completeness import assessment_of, missing_items
from applications.content import content_sha256
from applications.enums import ApplicationState, EventKind
from applications.hooks import announce_admissible
from applications.models import Application, CompletionRequest, Exchange
from applications.permissions import is_denied
from applications.roles import is_applicant, is_screener
from applications.rules import evaluate_application, is_once_per_organisation, rules_of
from applications.services.base import (
    NOT_YOURS,
    authorise,
    keep_sole_beneficiary,
    keep_verdict,
    lock,
    move,
    one_filing_at_a_time,
    refuse_more_than_filed,
)
from applications.workflow import WORKFLOW
from core.errors import Refused
from core.journal import record
from core.money import NBSP, amount_text


@transaction.atomic
def request_completion(
    *, application: Application, user: User, at: datetime, items: list[str], due_at: datetime, message: str = ""
) -> CompletionRequest:
    """Lists what is missing and sets a time limit. The clock of implicit rejection stands still for that time, or until
    an earlier answer (CRPA L114-5); that of completeness until the answer (décret 2018-514, art. 4).
    """
    wanted = [item.strip() for item in items if item.strip()]
    if not wanted:
        raise Refused("Indiquez au moins un élément manquant.", field="items")
    if due_at <= at:
        raise Refused("La date limite doit être dans l’avenir.", field="due_on")
    locked = lock(application)
    authorise(locked, user, "request_completion", at)
    WORKFLOW.check(locked, "request_completion", at)
    request = CompletionRequest.objects.create(
        application=locked,
        items=wanted,
        message=message.strip(),
        requested_at=at,
        requested_by=user,
        due_at=due_at,
    )
    body = "\n".join([message.strip(), *(f"– {item}" for item in wanted)]).strip()
    _say(locked, EventKind.COMPLETION_REQUEST, user, body, at, from_applicant=False)
    locked.decision_due_at = postponed(locked.decision_due_at, suspended_at=at, resumed_at=due_at)
    move(
        locked,
        "request_completion",
        user=user,
        at=at,
        data={
            "request": request.pk,
            "items": len(wanted),
            "due_at": due_at.isoformat(),
            "decision_due_at": _text(locked.decision_due_at),
        },
        changed=("decision_due_at",),
    )
    notifications.completion_requested(locked, request)
    return request


@transaction.atomic
def answer_completion(*, application: Application, user: User, at: datetime, message: str) -> Application:
    """The applicant has completed the dossier: the clocks start again where they stopped (CRPA L114-5). That of implicit
    rejection had started again by itself when the time given was over.

    Refused while the dossier would not be accepted at filing (``data["missing"]``), or when it asks for more than what
    was filed. Its rules are judged again, as they were at filing; the journal keeps the fingerprint of what changed.
    """
    locked = lock(application)
    authorise(locked, user, "answer_completion", at)
    WORKFLOW.check(locked, "answer_completion", at)
    if not message.strip():
        raise Refused("Écrivez en une phrase ce que vous avez ajouté ou corrigé.", field="message")
    refuse_more_than_filed(locked)
    missing = missing_items(locked, at)
    if missing:
        labels = [{"label": gap.label, "url": gap.url} for gap in missing]
        raise Refused("Le dossier n’est pas encore complet.", data={"missing": labels})
    pending = locked.open_completion_request()
    if pending is None:
        raise Refused("Aucune demande de compléments n’attend de réponse.")
    pending.answered_at, pending.answered_by = at, user
    pending.save(update_fields=["answered_at", "answered_by"])
    locked.completeness_due_at = postponed(locked.completeness_due_at, suspended_at=pending.requested_at, resumed_at=at)
    # Counted to the end of the time given when the items were asked for: what was not used of it is taken back.
    locked.decision_due_at = postponed(
        locked.decision_due_at, suspended_at=pending.due_at, resumed_at=min(at, pending.due_at)
    )
    _say(locked, EventKind.COMPLETION_ANSWER, user, message.strip(), at, from_applicant=True)
    move(
        locked,
        "answer_completion",
        user=user,
        at=at,
        data={"request": pending.pk, "decision_due_at": _text(locked.decision_due_at), **_judge_again(locked, at)},
        changed=("completeness_due_at", "decision_due_at"),
    )
    notifications.completion_answered(locked, pending)
    return locked


def _judge_again(application: Application, at: datetime) -> dict[str, Any]:
    """What was completed, judged as at filing: under the same rules, on the day of filing. Facts for the journal."""
    rules = rules_of(application, at)
    if is_once_per_organisation(application.axis, rules):
        one_filing_at_a_time(application)
    plan = assessment_of(application, at)
    keep_sole_beneficiary(application, plan.requested or Decimal(0))
    verdict = evaluate_application(application, application.submitted_at or at)
    keep_verdict(application, rules, verdict, at)
    return {
        "amount_requested": amount_text(plan.requested or Decimal(0)),
        "total_cost": amount_text(plan.total_cost),
        "eligible_cost": amount_text(plan.eligible_cost),
        "verdict": verdict.verdict.value,
        "content_sha256": content_sha256(application),
    }


@transaction.atomic
def confirm_completeness(*, application: Application, user: User, at: datetime) -> Application:
    """The service says that nothing is missing. Saying it twice changes nothing."""
    locked = lock(application)
    if is_denied(user, locked) or not is_screener(user, locked, at):
        raise Refused(NOT_YOURS)
    if locked.state != ApplicationState.SUBMITTED:
        label = ApplicationState(locked.state).label
        raise Refused(f"Cet acte n’est plus possible{NBSP}: l’état est désormais «{NBSP}{label}{NBSP}».")
    if locked.completed_at is None:
        locked.completed_at = _complete_since(locked, at)
        locked.save(update_fields=["completed_at"])
        record(chain=locked.chain, action="application.confirm_completeness", at=at, actor=user)
    return locked


def _complete_since(application: Application, at: datetime) -> datetime:
    """Now that the service says so; or since its silence, where that came first."""
    due_at = application.completeness_due_at
    return due_at if due_at is not None and application.is_deemed_complete(at) else at


@transaction.atomic
def deem_complete(*, at: datetime) -> int:
    """Marks complete the dossiers about which nothing was asked in time (décret 2018-514, art. 4). Returns how many."""
    due = Application.objects.select_for_update(of=("self",), skip_locked=True).filter(
        state=ApplicationState.SUBMITTED, completed_at__isnull=True, completeness_due_at__lte=at
    )
    count = 0
    for application in due.order_by("pk")[:1000]:
        application.completed_at = application.completeness_due_at
        application.save(update_fields=["completed_at"])
        record(
            chain=application.chain,
            action="application.deem_complete",
            at=application.completeness_due_at or at,
            actor=None,
            reason="silence pendant le délai de complétude",
        )
        count += 1
    return count


@transaction.atomic
def declare_admissible(*, application: Application, user: User, at: datetime, note: str = "") -> Application:
    """Complete, filed in time and not refused by a rule of the call: the jury will examine it."""
    locked = lock(application)
    authorise(locked, user, "declare_admissible", at)
    WORKFLOW.check(locked, "declare_admissible", at)
    locked.completed_at = locked.completed_at or _complete_since(locked, at)
    locked.screened_at, locked.screened_by = at, user
    move(
        locked,
        "declare_admissible",
        user=user,
        at=at,
        reason=note.strip(),
        changed=("completed_at", "screened_at", "screened_by"),
    )
    notifications.declared_admissible(locked)
    announce_admissible(locked, at)
    return locked


@transaction.atomic
def declare_inadmissible(*, application: Application, user: User, at: datetime, reason: str) -> Application:
    """Sets the dossier aside before the jury, by a reasoned decision with its routes of appeal (CJA R421-1, R421-5)."""
    if not reason.strip():
        raise Refused("Une décision d’irrecevabilité est motivée\u00a0: écrivez le motif.", field="reason")
    locked = lock(application)
    authorise(locked, user, "declare_inadmissible", at)
    WORKFLOW.check(locked, "declare_inadmissible", at)
    locked.screened_at, locked.screened_by = at, user
    locked.screening_reason = reason.strip()
    locked.decided_at = at
    move(
        locked,
        "declare_inadmissible",
        user=user,
        at=at,
        reason=reason.strip(),
        changed=("screened_at", "screened_by", "screening_reason", "decided_at"),
    )
    notifications.declared_inadmissible(locked)
    return locked


@transaction.atomic
def send_message(*, application: Application, user: User, at: datetime, body: str) -> Exchange:
    """A message between the applicant and the service; the side is that of the person who writes."""
    if not body.strip():
        raise Refused("Écrivez votre message.", field="body")
    locked = lock(application)
    from_applicant = is_applicant(user, locked, at)
    if is_denied(user, locked) or not (from_applicant or is_screener(user, locked, at)):
        raise Refused(NOT_YOURS)
    if locked.submitted_at is None:
        raise Refused("Vous pourrez écrire au service une fois le dossier déposé.")
    exchange = _say(locked, EventKind.MESSAGE, user, body.strip(), at, from_applicant=from_applicant)
    notifications.message_sent(locked, exchange)
    return exchange


def _say(application: Application, kind: str, user: User, body: str, at: datetime, *, from_applicant: bool) -> Exchange:
    return Exchange.objects.create(
        application=application, kind=kind, author=user, is_from_applicant=from_applicant, body=body, sent_at=at
    )


def _text(moment: Any) -> str:
    return moment.isoformat() if moment else ""

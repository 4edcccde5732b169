"""Reports of progress and completion, sent by the beneficiary (article 11 of the convention)."""

from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from dateutil.relativedelta import relativedelta
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from conventions.enums import ConventionState
from conventions.models import Convention, Repayment, Report
from conventions.notifications import tell_report_due, tell_report_received
from conventions.roles import is_beneficiary
from core import files, uploads
from core.errors import Refused
from core.idempotency import idempotent
from core.journal import record
from core.models import StoredFile
from core.money import amount_text
from core.rounds import each_apart

if TYPE_CHECKING:
    from accounts.models import User

REPORT_ACT = "convention.report"
REPORTING = (ConventionState.SIGNED, ConventionState.PAID)
# Article 11: the final report comes within twelve months of the planned end of the project.
TIME_TO_REPORT = relativedelta(months=12)
# How long before that day the beneficiary is reminded of it.
REMINDED_BEFORE = relativedelta(months=1)


def final_report_due_on(convention: Convention) -> date | None:
    """The last day, in Paris, for the final report; none where the end of the project is not known."""
    ends_on = convention.application.ends_on
    return None if ends_on is None else ends_on + TIME_TO_REPORT


def without_final_report(rows: QuerySet[Convention], today: date) -> QuerySet[Convention]:
    """Signed conventions whose project should be over on ``today`` and whose final report has not come.

    Not those whose whole subsidy is asked back: nothing of it is left to account for.
    """
    sent = Report.objects.filter(convention=OuterRef("pk"), is_final=True)
    claimed = (
        Repayment.objects.filter(convention=OuterRef("pk"))
        .order_by()
        .values("convention")
        .annotate(total=Sum("amount_decided"))
        .values("total")
    )
    over = rows.filter(state__in=REPORTING, application__ends_on__lt=today).exclude(Exists(sent))
    return over.alias(claimed=Coalesce(Subquery(claimed), Decimal(0))).filter(claimed__lt=F("amount"))


def overdue_final_report(rows: QuerySet[Convention], today: date) -> QuerySet[Convention]:
    """Among those, the ones whose ``final_report_due_on`` is past."""
    last = today - TIME_TO_REPORT
    # 29 February has no anniversary: the twelve months of the day before it may end later than they began.
    if last + TIME_TO_REPORT < today:
        last += relativedelta(days=1)
    return without_final_report(rows, today).filter(application__ends_on__lt=last)


def remind_final_reports(*, today: date) -> int:
    """Writes to each beneficiary a month before the last day of its final report, and once more when it is past.

    Each is written once; nothing within a month of the signature, where the project was over long before. Returns how
    many conventions were looked at. One that cannot be written to hinders no other, and is raised at the end.
    """
    rows = without_final_report(Convention.objects.all(), today)
    # Months differ by three days at most: wide enough to miss none, ``_remind`` counts exactly.
    near = rows.filter(application__ends_on__lte=today + REMINDED_BEFORE - TIME_TO_REPORT + relativedelta(days=4))
    keys = near.order_by("pk").values_list("pk", flat=True)
    return each_apart("remind_final_reports", keys, lambda pk: _remind(pk, today))


@transaction.atomic
def _remind(pk: UUID, today: date) -> None:
    # Held first, asked next: a report on its way comes before, and is seen, or after.
    if Convention.objects.select_for_update(skip_locked=True).filter(pk=pk).first() is None:
        return
    convention = without_final_report(Convention.objects.select_related("application"), today).filter(pk=pk).first()
    due_on = None if convention is None else final_report_due_on(convention)
    if convention is None or due_on is None or today < due_on - REMINDED_BEFORE:
        return
    if convention.signed_at is not None and today < timezone.localdate(convention.signed_at) + REMINDED_BEFORE:
        return
    tell_report_due(convention, due_on, is_late=today > due_on)


def may_report(user: "User", convention: Convention, at: datetime) -> bool:
    """Whether this person may send a report now."""
    return convention.state in REPORTING and is_beneficiary(user, convention, at)


def send_report(
    *,
    convention: Convention,
    user: "User",
    at: datetime,
    key: str,
    is_final: bool,
    body: str,
    spent: Decimal,
    attachment: tuple[str, bytes] | None = None,
) -> Report:
    """Sends a report; ``spent`` in euros since the start, ``attachment`` a name and its bytes.

    The bytes are read, scanned and stored before the transaction. Raises Refused: not yours, not signed, a final
    report already sent, a file that is not accepted (on field ``file``).
    """
    if not may_report(user, convention, at):
        raise Refused("Un compte rendu s’envoie par la collectivité, une fois la convention signée.")
    inspected = uploads.inspect(content=attachment[1], name=attachment[0]) if attachment else None
    stored = _store(attachment, inspected, user)
    content = {
        "convention": convention.pk,
        "is_final": is_final,
        "body": body,
        "spent": amount_text(spent),
        "file": stored.sha256 if stored else "",
    }
    with transaction.atomic(), idempotent(key=key, act=REPORT_ACT, actor=user, content=content) as command:
        if command.is_replay:
            return Report.objects.get(pk=command.answer["report"])
        if stored is not None and inspected is not None:
            uploads.record_scan(stored, inspected)
        locked = Convention.objects.select_for_update(of=("self",)).select_related("application").get(pk=convention.pk)
        if locked.reports.filter(is_final=True).exists():
            raise Refused("Le compte rendu final a déjà été envoyé. Pour le compléter, écrivez au service.")
        report = Report.objects.create(
            convention=locked, is_final=is_final, body=body, spent=spent, file=stored, sent_at=at, sent_by=user
        )
        _journal(report, user, at)
        tell_report_received(locked, report)
        command.answer = {"report": report.pk}
    return report


def _journal(report: Report, user: "User", at: datetime) -> None:
    record(
        chain=report.convention.chain(),
        action=REPORT_ACT,
        at=at,
        actor=user,
        data={
            "report": report.pk,
            "is_final": report.is_final,
            "spent": amount_text(report.spent),
            "sha256": report.file.sha256 if report.file else None,
        },
    )


def _store(
    attachment: tuple[str, bytes] | None, inspected: uploads.Inspected | None, user: "User"
) -> StoredFile | None:
    if attachment is None or inspected is None:
        return None
    name, content = attachment
    return files.store(
        content=content, name=name, kind="convention.report", media_type=inspected.media_type, actor_id=user.pk
    )
